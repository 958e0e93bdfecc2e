//! The state of one Deployment in a cluster at one point in time.

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Target;

/// The Deployment, its Service or Ingress, the pods of its newest revision and all events.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The Deployment; `Null` if it does not exist.
    pub deployment: Value,
    /// The Service or Ingress with the load balancer's address; `Null` if it does not exist.
    pub balancer: Value,
    /// The `ReplicaSet` of the newest revision; `Null` until it exists.
    pub newest: Value,
    /// The pods of that `ReplicaSet` that run or will: neither ended nor being deleted.
    pub pods: Vec<Value>,
    /// The pods of that `ReplicaSet` that ended, such as those that their node evicted. It creates others in their
    /// place, and leaves these.
    pub ended: Vec<Value>,
    /// The namespace's events, oldest first.
    pub events: Vec<Value>,
}

impl Snapshot {
    /// Reads everything with one request.
    ///
    /// # Errors
    /// When kubectl fails.
    pub(super) fn take(kubectl: &Kubectl, target: &Target) -> Result<Self, KubectlError> {
        let kinds =
            "deployments.apps,replicasets.apps,pods,services,ingresses.networking.k8s.io,events";
        let list = kubectl.json(&["get", kinds, "-n", &target.namespace])?;
        let items = list["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(Self::of(
            items,
            &target.deployment,
            (target.balancer_kind, &target.balancer),
        ))
    }

    /// Sorts the objects of a namespace.
    pub fn of(items: &[Value], deployment: &str, balancer: (&str, &str)) -> Self {
        let find = |kind: &str, name: &str| {
            let found = items
                .iter()
                .find(|item| item["kind"] == kind && item["metadata"]["name"] == name);
            found.cloned().unwrap_or_default()
        };
        let owned_by = |item: &Value, kind: &str, owner: &Value| {
            let owners = item["metadata"]["ownerReferences"].as_array();
            owners.into_iter().flatten().any(|reference| {
                reference["kind"] == kind && reference["uid"] == owner["metadata"]["uid"]
            })
        };
        let deployment = find("Deployment", deployment);
        let revision = revision(&deployment);
        let newest = items
            .iter()
            .filter(|item| {
                item["kind"] == "ReplicaSet" && owned_by(item, "Deployment", &deployment)
            })
            .find(|set| revision.is_some() && self::revision(set) == revision)
            .cloned()
            .unwrap_or_default();
        let (ended, pods) = items
            .iter()
            .filter(|item| item["kind"] == "Pod" && owned_by(item, "ReplicaSet", &newest))
            .filter(|pod| !newest.is_null() && pod["metadata"]["deletionTimestamp"].is_null())
            .cloned()
            .partition(|pod| {
                matches!(
                    pod["status"]["phase"].as_str(),
                    Some("Failed" | "Succeeded")
                )
            });
        let mut events: Vec<_> = items
            .iter()
            .filter(|item| item["kind"] == "Event")
            .cloned()
            .collect();
        // RFC 3339 in UTC sorts as text.
        events.sort_by_key(|event| time(event).map(str::to_owned));
        Self {
            deployment,
            balancer: find(balancer.0, balancer.1),
            newest,
            pods,
            ended,
            events,
        }
    }

    /// The events about an object, newest first.
    pub(super) fn events_about<'a>(&'a self, object: &'a Value) -> impl Iterator<Item = &'a Value> {
        self.events.iter().rev().filter(move |event| {
            event["involvedObject"]["uid"] == object["metadata"]["uid"] && !object.is_null()
        })
    }

    /// The warnings about an object, newest first.
    pub(super) fn warnings<'a>(&'a self, object: &'a Value) -> impl Iterator<Item = &'a Value> {
        let events = self.events_about(object);
        events.filter(|event| event["type"] == "Warning")
    }

    /// The revision of the Deployment.
    pub fn revision(&self) -> Option<u64> {
        revision(&self.deployment)
    }

    /// The names of the newest revision's pods.
    pub(super) fn pod_names(&self) -> Vec<String> {
        let names = self.pods.iter().map(|pod| pod["metadata"]["name"].as_str());
        names.flatten().map(str::to_owned).collect()
    }

    /// The service's endpoint, once the load balancer has an address.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        Endpoint::of_balancer(&self.balancer)
    }
}

/// When an event was last seen. Newer clients only set `eventTime`.
fn time(event: &Value) -> Option<&str> {
    let last = event["lastTimestamp"].as_str();
    let time = last.or_else(|| event["eventTime"].as_str());
    time.or_else(|| event["metadata"]["creationTimestamp"].as_str())
}

/// The revision number that the Deployment controller gave to an object.
fn revision(object: &Value) -> Option<u64> {
    object["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        .as_str()?
        .parse()
        .ok()
}
