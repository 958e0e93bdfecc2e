//! Why the newest revision is not served: its pods, its `ReplicaSet` and the load balancer.

use serde_json::Value;

use super::finding::{Cause, Finding, message};
use super::pod;
use crate::endpoint;
use crate::kubectl::{items, text};
use crate::snapshot::Snapshot;

/// Everything that keeps the newest revision from being served. `gated` is whether its pods should have
/// readiness gates.
pub fn diagnose(snapshot: &Snapshot, gated: bool) -> Vec<Finding> {
    let causes = snapshot.pods.iter().filter_map(|pod| {
        let cause = pod::cause(snapshot, pod, gated)?;
        Some(Finding::of("pod", pod, cause))
    });
    let mut findings: Vec<_> = causes.collect();
    findings.extend(failed(snapshot));
    findings.extend(not_created(snapshot));
    findings.extend(no_load_balancer(snapshot));
    findings
}

/// Why the last pod that ended did so, as long as a pod is missing. Others were created in its place.
fn failed(snapshot: &Snapshot) -> Option<Finding> {
    let set = &snapshot.newest;
    let wanted = set["spec"]["replicas"].as_u64()?;
    let ready = set["status"]["readyReplicas"].as_u64().unwrap_or_default();
    let created = |pod: &&Value| text(&pod["metadata"]["creationTimestamp"]);
    let pod = snapshot.ended.iter().max_by_key(created)?;
    let status = &pod["status"];
    let cause = Cause::Failed {
        reason: text(&status["reason"]),
        message: message(status),
    };
    (ready < wanted).then(|| Finding::of("pod", pod, cause))
}

/// Why the `ReplicaSet` cannot create its missing pods.
fn not_created(snapshot: &Snapshot) -> Option<Finding> {
    let set = &snapshot.newest;
    let wanted = set["spec"]["replicas"].as_u64()?;
    let there = set["status"]["replicas"].as_u64().unwrap_or_default();
    let failure = items(&set["status"]["conditions"])
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    let message = message(failure);
    (there < wanted).then(|| Finding::of("replicaset", set, Cause::NotCreated { message }))
}

fn no_load_balancer(snapshot: &Snapshot) -> Option<Finding> {
    let balancer = &snapshot.balancer;
    // There is none for a Deployment that is not behind a load balancer.
    let kind = balancer["kind"].as_str()?;
    if endpoint::address(balancer).is_some() {
        return None;
    }
    let event = snapshot.warnings(balancer).next().map(message);
    let cause = Cause::NoLoadBalancer { event };
    Some(Finding::of(&kind.to_lowercase(), balancer, cause))
}
