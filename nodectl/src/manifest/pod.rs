//! A pod template, as in manifests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{AnnotationKey, DnsLabel, DnsSubdomain, Labels};
use super::{ContainerSpec, IntOrString, Quantity, SeccompProfile};

/// The template of a Deployment's pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTemplate {
    /// The pods' labels and annotations.
    #[serde(default)]
    pub metadata: PodMetadata,
    /// The spec of the pods.
    pub spec: PodSpec,
}

impl PodTemplate {
    /// The number that a port's number or name stands for in these pods.
    pub fn port(&self, port: &IntOrString) -> Option<u16> {
        self.spec
            .containers
            .iter()
            .find_map(|container| container.port(port))
    }
}

/// The labels and annotations of a pod template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodMetadata {
    /// The labels, which selectors match.
    pub labels: Labels,
    /// Arbitrary metadata.
    pub annotations: BTreeMap<AnnotationKey, String>,
}

/// The spec of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// The containers, which share a network.
    #[serde(default)]
    pub containers: Vec<ContainerSpec>,
    /// The volumes that the containers may mount.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Seconds from the stop signal to SIGKILL.
    #[serde(default = "thirty")]
    pub termination_grace_period_seconds: u32,
    /// The privileges of all containers, unless a container overrides them.
    #[serde(default)]
    pub security_context: PodSecurity,
    /// The name of its service account, for the downward API.
    #[serde(default)]
    pub service_account_name: Option<DnsSubdomain>,
    /// `Always` is the only policy that a Deployment can have.
    #[serde(default)]
    pub restart_policy: Option<String>,
}

fn thirty() -> u32 {
    30
}

/// The privileges of all containers of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSecurity {
    /// The user they run as.
    pub run_as_user: Option<u32>,
    /// The group they run as.
    pub run_as_group: Option<u32>,
    /// Whether they must not run as user 0.
    pub run_as_non_root: Option<bool>,
    /// Supplementary groups.
    pub supplemental_groups: Vec<u32>,
    /// Whether the groups that the image's `/etc/group` lists are added.
    pub supplemental_groups_policy: GroupsPolicy,
    /// The group that owns the volumes.
    pub fs_group: Option<u32>,
    /// The system calls that they may make.
    pub seccomp_profile: Option<SeccompProfile>,
}

/// Whether a container's user is in the groups that the image's `/etc/group` lists for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupsPolicy {
    /// It is in them.
    #[default]
    Merge,
    /// It is only in the groups of the pod's security context.
    Strict,
}

/// A volume. Only `emptyDir` is supported; a volume without a source is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its name in the pod.
    pub name: DnsLabel,
    /// A directory that lives as long as the pod.
    #[serde(default)]
    pub empty_dir: EmptyDir,
}

/// A directory that lives as long as the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmptyDir {
    /// Where its files are.
    pub medium: Medium,
    /// The most that it holds, in bytes; enforced in memory only.
    pub size_limit: Option<Quantity>,
}

/// Where the files of an `emptyDir` are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Medium {
    /// On the file system of the data directory.
    #[default]
    #[serde(rename = "")]
    Disk,
    /// In memory.
    Memory,
}
