//! A container of a pod, as in manifests.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{DnsLabel, EnvName, PortName};
use super::{CapabilityName, IntOrString, Probe, Quantity};

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    /// Its name in the pod.
    pub name: DnsLabel,
    /// The image, as the manifest names it.
    pub image: String,
    /// Replaces the image's entrypoint.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Replaces the image's working directory.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// When to pull. Nothing is ever pulled here.
    #[serde(default)]
    pub image_pull_policy: Option<PullPolicy>,
    /// The ports it listens on.
    #[serde(default)]
    pub ports: Vec<ContainerPort>,
    /// Environment variables, in order.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Its resource limits and requests.
    #[serde(default)]
    pub resources: Resources,
    /// Volumes of the pod that it mounts.
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// Whether it has started.
    #[serde(default)]
    pub startup_probe: Option<Probe>,
    /// Whether it gets requests.
    #[serde(default)]
    pub readiness_probe: Option<Probe>,
    /// Whether it has to be restarted.
    #[serde(default)]
    pub liveness_probe: Option<Probe>,
    /// Its privileges.
    #[serde(default)]
    pub security_context: ContainerSecurity,
}

/// When the kubelet pulls an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Each time that a container starts.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never.
    Never,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Its number.
    pub container_port: u16,
    /// Its name, for Services and probes.
    #[serde(default)]
    pub name: Option<PortName>,
    /// `TCP` by default.
    #[serde(default)]
    pub protocol: Protocol,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name.
    pub name: EnvName,
    /// Its value, in which `$(NAME)` stands for an earlier variable.
    #[serde(default)]
    pub value: Option<String>,
    /// The source of its value, instead of `value`.
    #[serde(default)]
    pub value_from: Option<EnvSource>,
}

/// The source of a variable's value.
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
    /// Another container of the pod; refused here.
    #[serde(default)]
    pub container_name: Option<DnsLabel>,
    /// The unit of the value.
    #[serde(default)]
    pub divisor: Option<Quantity>,
}

/// The resources that a container may use (`limits`) and is guaranteed (`requests`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// Upper bounds.
    pub limits: BTreeMap<String, Quantity>,
    /// Shares.
    pub requests: BTreeMap<String, Quantity>,
}

/// A volume that a container mounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount {
    /// The volume's name in the pod.
    pub name: DnsLabel,
    /// Its path in the container.
    pub mount_path: String,
    /// Whether it is read-only.
    #[serde(default)]
    pub read_only: bool,
}

/// The privileges of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerSecurity {
    /// The user it runs as.
    pub run_as_user: Option<u32>,
    /// The group it runs as.
    pub run_as_group: Option<u32>,
    /// Whether it must not run as user 0.
    pub run_as_non_root: Option<bool>,
    /// Whether its root file system is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// Whether a process may gain more privileges than its parent.
    pub allow_privilege_escalation: Option<bool>,
    /// All privileges of the host; refused here.
    pub privileged: Option<bool>,
    /// Capabilities to drop and to add.
    pub capabilities: Capabilities,
    /// The system calls that it may make.
    pub seccomp_profile: Option<SeccompProfile>,
}

/// Capabilities to drop and to add, without the prefix `CAP_`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// To add.
    pub add: Vec<CapabilityName>,
    /// To drop.
    pub drop: Vec<CapabilityName>,
}

/// The system calls that a container may make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    /// Which profile.
    #[serde(rename = "type")]
    pub kind: SeccompType,
    /// The file of a `Localhost` profile.
    #[serde(default)]
    pub localhost_profile: Option<String>,
}

/// Which seccomp profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeccompType {
    /// containerd's default profile.
    RuntimeDefault,
    /// None.
    Unconfined,
    /// A file on the node; refused here.
    Localhost,
}

impl ContainerSpec {
    /// The number that a port's number or name stands for in this container.
    pub fn port(&self, port: &IntOrString) -> Option<u16> {
        match port {
            IntOrString::Int(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
            IntOrString::Text(name) => self
                .ports
                .iter()
                .find(|port| port.name.as_deref() == Some(name))
                .map(|port| port.container_port),
        }
    }
}
