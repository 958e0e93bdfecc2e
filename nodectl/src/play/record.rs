//! The record of a pod, stored on each of its containers, so that a later nodectl finds the pod.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Instance;
use crate::manifest::PodTemplate;

/// The labels and the extension of nodectl's containers.
pub mod labels {
    /// The instance (containerd namespace and state directory) that created it.
    pub const INSTANCE: &str = "nodectl.dev/instance";
    /// The pod's name.
    pub const POD: &str = "nodectl.dev/pod";
    /// The pod's unique ID.
    pub const POD_UID: &str = "nodectl.dev/pod-uid";
    /// The pod's namespace in the manifests.
    pub const NAMESPACE: &str = "nodectl.dev/namespace";
    /// The Deployment's name.
    pub const DEPLOYMENT: &str = "nodectl.dev/deployment";
    /// The template's hash.
    pub const HASH: &str = "nodectl.dev/pod-template-hash";
    /// The container's name in the pod.
    pub const CONTAINER: &str = "nodectl.dev/container";
    /// How often the container was restarted.
    pub const RESTARTS: &str = "nodectl.dev/restarts";
    /// The pod's address.
    pub const ADDRESS: &str = "nodectl.dev/pod-ip";
    /// The file of the pod's network namespace.
    pub const NETNS: &str = "nodectl.dev/netns";
    /// The instance whose `up` imported an image, which is removed with the pods.
    pub const IMPORTED: &str = "nodectl.dev/imported-by-up";
    /// The name of the extension that holds the [`super::PodRecord`].
    pub const EXTENSION: &str = "nodectl.dev/pod";
}

/// A pod, as it was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// Its name.
    pub name: String,
    /// Its unique ID.
    pub uid: String,
    /// Its namespace in the manifests.
    pub namespace: String,
    /// Its Deployment's name.
    pub deployment: String,
    /// Its template's hash.
    pub hash: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// The template that it was created from.
    pub template: PodTemplate,
}

impl PodRecord {
    /// The Deployment as `namespace/name`.
    pub fn deployment_key(&self) -> String {
        format!("{}/{}", self.namespace, self.deployment)
    }

    /// The labels that its pod has in the manifests.
    pub fn pod_labels(&self) -> BTreeMap<String, String> {
        let mut labels: BTreeMap<_, _> = self
            .template
            .metadata
            .labels
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        labels.insert("pod-template-hash".to_owned(), self.hash.clone());
        labels
    }

    /// The annotations that its pod has in the manifests.
    pub fn pod_annotations(&self) -> BTreeMap<String, String> {
        let annotations = self.template.metadata.annotations.iter();
        annotations
            .map(|(key, value)| (key.to_string(), value.clone()))
            .collect()
    }

    /// The log of a container's `attempt`th start, named as the kubelet names it.
    pub fn log_path(&self, instance: &Instance, container: &str, attempt: u32) -> PathBuf {
        self.logs_dir(instance)
            .join(container)
            .join(format!("{attempt}.log"))
    }

    /// The cgroup of a container.
    pub fn container_cgroup(&self, instance: &Instance, id: &str) -> String {
        format!("{}/{}/{id}", instance.cgroup(), self.name)
    }

    /// The directory of the logs of all its containers.
    pub(super) fn logs_dir(&self, instance: &Instance) -> PathBuf {
        instance
            .logs_dir()
            .join(format!("{}_{}_{}", self.namespace, self.name, self.uid))
    }

    /// The ID of a container's `attempt`th start after `retries` failed creations, since an interrupted
    /// creation may keep its ID in use in containerd. containerd accepts at most 76 characters and no two
    /// separators in a row; a container whose name does not fit is identified by its index, after a `_`,
    /// which no name has.
    pub fn container_id(&self, container: &str, attempt: u32, retries: u32) -> String {
        let pod = &self.name;
        let start = match retries {
            0 => attempt.to_string(),
            _ => format!("{attempt}_{retries}"),
        };
        let readable = format!("{pod}.{container}.{start}");
        if readable.len() <= 76 && !readable.contains("--") {
            return readable;
        }
        let index = self
            .template
            .spec
            .containers
            .iter()
            .position(|spec| *spec.name == *container)
            .unwrap_or(0);
        // A pod's name ends in a random part, so that it stays unique.
        let mut pod = pod.clone();
        while pod.contains("--") {
            pod = pod.replace("--", "-");
        }
        format!("{pod}_{index}.{start}")
    }
}

/// The name of a new pod, in the form of a Deployment's pods, short enough for IDs and links.
pub(super) fn pod_name(deployment: &str, hash: &str, random: &str) -> String {
    let short: String = deployment.chars().take(40).collect();
    format!("{}-{hash}-{random}", short.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, containers: &[&str]) -> PodRecord {
        let containers: Vec<_> = containers
            .iter()
            .map(|name| serde_json::json!({"name": name, "image": "i"}))
            .collect();
        PodRecord {
            name: name.to_owned(),
            uid: String::new(),
            namespace: "default".to_owned(),
            deployment: "web".to_owned(),
            hash: String::new(),
            address: Ipv4Addr::LOCALHOST,
            created_ms: 0,
            template: serde_json::from_value(
                serde_json::json!({"spec": {"containers": containers}}),
            )
            .unwrap(),
        }
    }

    #[test]
    fn two_containers_of_a_pod_never_share_an_id() {
        let long = "x".repeat(63);
        let names = ["a-b", "a--b", "c1", "0", &long];
        let pod = record("web--1-abcde", &names);
        let ids: std::collections::BTreeSet<_> = names
            .iter()
            .map(|name| pod.container_id(name, 0, 0))
            .collect();
        assert_eq!(ids.len(), names.len(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() <= 76 && !id.contains("--")));
        let plain = record("web-1-abcde", &["a-b"]);
        assert_eq!(plain.container_id("a-b", 2, 0), "web-1-abcde.a-b.2");
        assert_eq!(plain.container_id("a-b", 2, 1), "web-1-abcde.a-b.2_1");
    }

    #[test]
    fn a_pod_name_has_no_two_separators_in_a_row() {
        let deployment = format!("{}.com", "a".repeat(39));
        let name = pod_name(&deployment, "1234567890", "abcde");
        assert_eq!(name, format!("{}-1234567890-abcde", "a".repeat(39)));
    }
}
