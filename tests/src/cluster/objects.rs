//! The objects of the service in the cluster, by kubectl.

use std::net::SocketAddr;

use serde_json::Value;

use super::Cluster;

/// The namespace of `k8s/base`.
pub const NAMESPACE: &str = "rust-app";
pub(super) const DEPLOYMENT: &str = "deployment/rust-app";
const SERVICE: &str = "rust-app-service";
/// The label that the pods carry.
pub const SELECTOR: &str = "app.kubernetes.io/name=rust-app";

impl Cluster {
    /// What kubectl prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, args: &[&str]) -> String {
        self.kubectl
            .run(args)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Whether kubectl succeeds, or its error.
    ///
    /// # Errors
    /// What kubectl reports.
    pub fn accepts(&self, args: &[&str]) -> Result<(), String> {
        let outcome = self.kubectl.run(args);
        outcome.map(drop).map_err(|error| error.to_string())
    }

    /// The pods that are not being deleted, as objects.
    ///
    /// # Panics
    /// When kubectl fails.
    pub fn pods(&self) -> Vec<Value> {
        let list = self
            .kubectl
            .json(&["get", "pods", "-n", NAMESPACE, "-l", SELECTOR]);
        let list = list.unwrap_or_else(|error| panic!("{error}"));
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        pods.into_iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect()
    }

    /// The pods' UIDs, sorted: they differ once pods were replaced.
    pub fn identities(&self) -> Vec<String> {
        let mut ids: Vec<_> = self
            .pods()
            .iter()
            .map(|pod| pod["metadata"]["uid"].to_string())
            .collect();
        ids.sort();
        ids
    }

    /// A field of the Deployment, by JSON path.
    pub fn field(&self, path: &str) -> String {
        let output = format!("-o=jsonpath={{{path}}}");
        self.run(&["get", DEPLOYMENT, "-n", NAMESPACE, &output])
    }

    /// The load balancer's address.
    ///
    /// # Panics
    /// When it has none.
    pub fn address(&self) -> SocketAddr {
        let path = "-o=jsonpath={.status.loadBalancer.ingress[0].ip}";
        let ip = self.run(&["get", "service", SERVICE, "-n", NAMESPACE, path]);
        format!("{ip}:80")
            .parse()
            .unwrap_or_else(|_| panic!("`{ip}` is not an IP address"))
    }

    /// The load balancer's host name.
    pub fn host(&self, kind: &str, name: &str) -> String {
        let path = "-o=jsonpath={.status.loadBalancer.ingress[0].hostname}";
        self.run(&["get", kind, name, "-n", NAMESPACE, path])
    }
}
