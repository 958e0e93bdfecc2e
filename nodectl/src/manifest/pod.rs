//! A pod template, as manifests write it.

use serde::{Deserialize, Serialize};

use super::{ContainerSpec, Metadata, SeccompProfile};

/// What every pod of a Deployment is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTemplate {
    /// The pods' labels and annotations.
    #[serde(default)]
    pub metadata: Metadata,
    /// What runs in them.
    pub spec: PodSpec,
}

/// What runs in a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// The containers, which share a network.
    pub containers: Vec<ContainerSpec>,
    /// Containers that run before; refused here.
    #[serde(default)]
    pub init_containers: Vec<ContainerSpec>,
    /// What the containers may mount.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Seconds from SIGTERM to SIGKILL.
    #[serde(default = "thirty")]
    pub termination_grace_period_seconds: u32,
    /// What all containers may do, unless one says otherwise.
    #[serde(default)]
    pub security_context: PodSecurity,
    /// Whether the pod is in the host's network; refused here.
    #[serde(default)]
    pub host_network: bool,
    /// The name of its service account, for the downward API.
    #[serde(default)]
    pub service_account_name: Option<String>,
    /// `Always` is the only policy that a Deployment can have.
    #[serde(default)]
    pub restart_policy: Option<String>,
    /// Whether a token is mounted; never here.
    #[serde(default)]
    pub automount_service_account_token: Option<bool>,
    /// Whether there are variables for every Service; never here.
    #[serde(default)]
    pub enable_service_links: Option<bool>,
}

fn thirty() -> u32 {
    30
}

/// What all containers of a pod may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurity {
    /// The user they run as.
    #[serde(default)]
    pub run_as_user: Option<u32>,
    /// The group they run as.
    #[serde(default)]
    pub run_as_group: Option<u32>,
    /// They must not run as user 0.
    #[serde(default)]
    pub run_as_non_root: Option<bool>,
    /// Groups they are in besides.
    #[serde(default)]
    pub supplemental_groups: Vec<u32>,
    /// The group that owns the volumes.
    #[serde(default)]
    pub fs_group: Option<u32>,
    /// The system calls they may make.
    #[serde(default)]
    pub seccomp_profile: Option<SeccompProfile>,
}

/// A volume. Only `emptyDir` can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its name in the pod.
    pub name: String,
    /// A directory that lives as long as the pod.
    #[serde(default)]
    pub empty_dir: Option<EmptyDir>,
}

/// A directory that lives as long as the pod. It is on the machine's disk and bounded by that alone:
/// a `medium` or `sizeLimit` is warned about as ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmptyDir {}
