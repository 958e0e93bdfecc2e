//! Why the newest revision is not served: its pods, its `ReplicaSet` and the load balancer.

use super::finding::{Cause, Finding, message};
use super::pod;
use crate::endpoint;
use crate::kubectl::items;
use crate::snapshot::Snapshot;

/// Everything that keeps the newest revision from being served. `gated` is whether its pods should have
/// readiness gates.
pub fn diagnose(snapshot: &Snapshot, gated: bool) -> Vec<Finding> {
    let causes = snapshot.pods.iter().filter_map(|pod| {
        let cause = pod::cause(snapshot, pod, gated)?;
        Some(Finding::of("pod", pod, cause))
    });
    let mut findings: Vec<_> = causes.collect();
    findings.extend(not_created(snapshot));
    findings.extend(no_load_balancer(snapshot));
    findings
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
    if endpoint::address(balancer).is_some() {
        return None;
    }
    let kind = balancer["kind"].as_str().unwrap_or("service");
    let event = snapshot.warnings(balancer).next().map(message);
    let cause = Cause::NoLoadBalancer { event };
    Some(Finding::of(&kind.to_lowercase(), balancer, cause))
}
