//! A container of a pod, as manifests write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Probe, Quantity};

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    /// Its name in the pod.
    pub name: String,
    /// The image's reference.
    pub image: String,
    /// When to pull; here nothing is ever pulled.
    #[serde(default)]
    pub image_pull_policy: Option<String>,
    /// Instead of the image's entrypoint.
    #[serde(default)]
    pub command: Vec<String>,
    /// Instead of the image's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Instead of the image's working directory.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// The ports it listens on.
    #[serde(default)]
    pub ports: Vec<ContainerPort>,
    /// Environment variables, in order.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// What it may use and what it is given.
    #[serde(default)]
    pub resources: Resources,
    /// Volumes of the pod that it sees.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Has it started?
    #[serde(default)]
    pub startup_probe: Option<Probe>,
    /// Is it to get requests?
    #[serde(default)]
    pub readiness_probe: Option<Probe>,
    /// Is it to be restarted?
    #[serde(default)]
    pub liveness_probe: Option<Probe>,
    /// What it may do.
    #[serde(default)]
    pub security_context: ContainerSecurity,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Its number.
    pub container_port: u16,
    /// Its name, for Services and probes.
    #[serde(default)]
    pub name: Option<String>,
    /// `TCP` by default.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value, in which `$(NAME)` stands for an earlier variable.
    #[serde(default)]
    pub value: Option<String>,
    /// Where its value comes from instead.
    #[serde(default)]
    pub value_from: Option<EnvSource>,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvSource {
    /// A field of the pod.
    #[serde(default)]
    pub field_ref: Option<FieldRef>,
    /// A limit or request of a container.
    #[serde(default)]
    pub resource_field_ref: Option<ResourceFieldRef>,
}

/// A field of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldRef {
    /// Its path, such as `metadata.name`.
    pub field_path: String,
}

/// A limit or request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFieldRef {
    /// Its path, such as `limits.memory`.
    pub resource: String,
    /// The unit to count in.
    #[serde(default)]
    pub divisor: Option<Quantity>,
}

/// What a container may use (`limits`) and what it is given at least (`requests`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Upper bounds.
    #[serde(default)]
    pub limits: BTreeMap<String, Quantity>,
    /// Shares.
    #[serde(default)]
    pub requests: BTreeMap<String, Quantity>,
}

/// A volume that a container sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount {
    /// The volume's name in the pod.
    pub name: String,
    /// Where it is in the container.
    pub mount_path: String,
    /// It cannot be written.
    #[serde(default)]
    pub read_only: bool,
}

/// What a container may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSecurity {
    /// The user it runs as.
    #[serde(default)]
    pub run_as_user: Option<u32>,
    /// The group it runs as.
    #[serde(default)]
    pub run_as_group: Option<u32>,
    /// It must not run as user 0.
    #[serde(default)]
    pub run_as_non_root: Option<bool>,
    /// Its root file system cannot be written.
    #[serde(default)]
    pub read_only_root_filesystem: Option<bool>,
    /// Whether a process may gain more privileges than its parent.
    #[serde(default)]
    pub allow_privilege_escalation: Option<bool>,
    /// All privileges of the host; refused here.
    #[serde(default)]
    pub privileged: Option<bool>,
    /// Capabilities to take away and to give.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// The system calls it may make.
    #[serde(default)]
    pub seccomp_profile: Option<SeccompProfile>,
}

/// Capabilities to take away and to give, without the `CAP_` in front.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// To give.
    #[serde(default)]
    pub add: Vec<String>,
    /// To take away; `ALL` is all.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// The system calls a container may make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    /// `RuntimeDefault` or `Unconfined`.
    #[serde(rename = "type")]
    pub kind: String,
}
