//! The desired state: manifests that were checked as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{IntOrString, PodTemplate};

/// The desired state.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The Deployments.
    pub deployments: Vec<DesiredDeployment>,
    /// The Services in front of them.
    pub services: Vec<DesiredService>,
}

/// A Deployment.
#[derive(Clone, Debug)]
pub struct DesiredDeployment {
    /// The file that it is in.
    pub origin: String,
    /// Its namespace in the manifests.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods.
    pub replicas: u32,
    /// Pods above `replicas` during an update.
    pub max_surge: u32,
    /// Pods below `replicas` during an update.
    pub max_unavailable: u32,
    /// Whether all old pods are deleted before the first new one is created.
    pub recreate: bool,
    /// How long a pod must be ready to count as available.
    pub min_ready: Duration,
    /// The template of its pods.
    pub template: PodTemplate,
    /// Identifies the template: 10 hex digits.
    pub hash: String,
}

impl DesiredDeployment {
    /// The Deployment as `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A Service.
#[derive(Clone, Debug)]
pub struct DesiredService {
    /// Its namespace in the manifests.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is reachable from outside (`type: LoadBalancer`).
    pub external: bool,
    /// Labels of the pods behind it.
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

impl DesiredService {
    /// Whether pods with these labels are behind it.
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        !self.selector.is_empty()
            && self.namespace == namespace
            && self
                .selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its number.
    pub port: u16,
    /// The pods' port.
    pub target: IntOrString,
}
