//! The records that containerd's CRI plugin keeps: extensions of containers, and status files.
//!
//! Go encodes a nil map as null and omits zeros, so every field has a default.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The extension of a sandbox.
pub(super) const SANDBOX_EXTENSION: &str = "io.cri-containerd.sandbox.metadata";
/// The extension of a container.
pub(super) const CONTAINER_EXTENSION: &str = "io.cri-containerd.container.metadata";
/// The label that distinguishes the two.
pub(super) const KIND_LABEL: &str = "io.cri-containerd.kind";

/// Labels that the kubelet sets.
pub(super) const POD_NAME: &str = "io.kubernetes.pod.name";
pub(super) const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub(super) const POD_UID: &str = "io.kubernetes.pod.uid";
pub(super) const CONTAINER_NAME: &str = "io.kubernetes.container.name";
pub(super) const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";

#[derive(Deserialize)]
struct Versioned<T> {
    #[serde(rename = "Metadata")]
    metadata: T,
}

/// Parses an extension; `None` if it is not in the format of containerd 1.5 to 2.x.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice::<Versioned<T>>(bytes)
        .ok()
        .map(|versioned| versioned.metadata)
}

/// A sandbox: the environment that a pod's containers share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SandboxMetadata {
    #[serde(rename = "NetNSPath")]
    pub(super) netns: String,
    #[serde(rename = "IP")]
    pub(super) ip: String,
    #[serde(rename = "AdditionalIPs", deserialize_with = "null_is_default")]
    pub(super) additional_ips: Vec<String>,
    pub(super) config: SandboxConfig,
}

/// The kubelet's configuration of a sandbox.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SandboxConfig {
    pub(super) metadata: Named,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) labels: BTreeMap<String, String>,
    pub(super) log_directory: String,
}

/// A container of a pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ContainerMetadata {
    #[serde(rename = "SandboxID")]
    pub(super) sandbox_id: String,
    pub(super) config: ContainerConfig,
    /// The digest of the image's config.
    pub(super) image_ref: String,
    /// The digest of the image's manifest or index; containerd 2.4 and later.
    pub(super) image_digest: String,
    /// The image's resolved name; containerd 2.4 and later.
    pub(super) image_name: String,
    pub(super) log_path: String,
}

/// The kubelet's configuration of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerConfig {
    pub(super) metadata: Named,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) image: Image,
}

/// A name with its attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
    /// Of a sandbox.
    pub(super) namespace: String,
    /// Of a sandbox.
    pub(super) uid: String,
    pub(super) attempt: u32,
}

/// An image as the kubelet names it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Image {
    /// The name in the pod's manifest; containerd 1.7 and later.
    pub(super) user_specified_image: String,
}

/// The status file of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StatusFile {
    /// Of its first process; 0 before it was started.
    pub(super) pid: u32,
    /// Nanoseconds since 1970; 0 if it has not started.
    pub(super) started_at: i64,
    /// Nanoseconds since 1970; 0 if it has not exited.
    pub(super) finished_at: i64,
    pub(super) exit_code: i32,
    pub(super) reason: String,
    pub(super) message: String,
}

impl StatusFile {
    /// Whether it was started, and the CRI plugin has recorded no exit.
    pub(super) fn is_running(&self) -> bool {
        self.pid > 0 && self.started_at > 0 && self.finished_at == 0
    }
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_containerd_writes() {
        let sandbox: SandboxMetadata = parse(
            br#"{"Version":"v1","Metadata":{"ID":"s","Config":{"metadata":{"name":"web-1","uid":"u",
            "namespace":"default"},"log_directory":"/var/log/pods/x","labels":{"app":"web"}},
            "NetNSPath":"/var/run/netns/cni-1","IP":"10.0.0.7","AdditionalIPs":null}}"#,
        )
        .unwrap();
        assert_eq!(
            (&*sandbox.ip, sandbox.config.metadata.attempt),
            ("10.0.0.7", 0)
        );
        assert_eq!(sandbox.config.labels["app"], "web");
        let container: ContainerMetadata = parse(
            br#"{"Version":"v1","Metadata":{"SandboxID":"s","Config":{"metadata":{"name":"web",
            "attempt":2},"annotations":null},"LogPath":"/var/log/pods/x/web/2.log"}}"#,
        )
        .unwrap();
        assert_eq!(
            (&*container.sandbox_id, container.config.metadata.attempt),
            ("s", 2)
        );
        assert!(parse::<ContainerMetadata>(b"{}").is_none());
        assert!(parse::<ContainerMetadata>(b"\x0a\x01").is_none());
    }
}
