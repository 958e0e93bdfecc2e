//! Pods without a readiness probe count as available once their programs start. A program that crashes a second later
//! is seen only by watching it for longer.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kubectl::items;
use crate::snapshot::Snapshot;

/// How long pods must run before they count as available: as long as the kubelet waits before it restarts a container
/// for the second time, <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy>.
const FOR: Duration = Duration::from_secs(10);

/// Watches the pods of a Deployment.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    /// The rollout was not complete before.
    is_new: bool,
    /// Since when it is complete with as many restarts.
    since: Option<(Instant, u64)>,
}

impl Settling {
    /// Notes whether the rollout is complete, and returns whether its pods are still watched.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot, is_complete: bool, now: Instant) -> bool {
        if !is_complete {
            self.is_new = true;
            self.since = None;
            return false;
        }
        if !self.is_new || is_probed(&snapshot.deployment) {
            return false;
        }
        let restarts = restarts(snapshot);
        match self.since {
            Some((since, before)) if before == restarts => now.duration_since(since) < FOR,
            _ => {
                self.since = Some((now, restarts));
                true
            }
        }
    }
}

/// Whether Kubernetes itself watches the pods of a Deployment before they count as available.
fn is_probed(deployment: &Value) -> bool {
    let spec = &deployment["spec"];
    let containers = &spec["template"]["spec"]["containers"];
    spec["minReadySeconds"].as_u64().unwrap_or_default() > 0
        || items(containers).any(|container| !container["readinessProbe"].is_null())
}

fn restarts(snapshot: &Snapshot) -> u64 {
    let pods = snapshot.pods.iter();
    let containers = pods.flat_map(|pod| items(&pod["status"]["containerStatuses"]));
    let restarts = containers.map(|container| container["restartCount"].as_u64());
    restarts.map(Option::unwrap_or_default).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(restarts: u64, container: &Value) -> Snapshot {
        let pod = json!({"status": {"containerStatuses": [{"restartCount": restarts}]}});
        Snapshot {
            deployment: json!({"spec": {"template": {"spec": {"containers": [container]}}}}),
            pods: vec![pod],
            ..Snapshot::default()
        }
    }

    #[test]
    fn pods_without_a_probe_are_watched_until_they_have_not_restarted_for_a_while() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut settling = Settling::default();
        let mut observe = |restarts: u64, is_complete: bool, seconds: u64| {
            settling.observe(&snapshot(restarts, &json!({})), is_complete, after(seconds))
        };
        assert!(!observe(0, false, 0));
        assert!(observe(0, true, 1));
        assert!(observe(1, true, 2), "it crashed, and runs again");
        assert!(observe(1, true, 11));
        assert!(!observe(1, false, 12), "it crashed, and is not available");
        assert!(observe(2, true, 22));
        assert!(observe(2, true, 31));
        assert!(!observe(2, true, 32));
    }

    #[test]
    fn pods_that_did_not_change_or_that_kubernetes_watches_are_not() {
        let now = Instant::now();
        assert!(!Settling::default().observe(&snapshot(0, &json!({})), true, now));
        let mut settling = Settling::default();
        let probed = snapshot(0, &json!({"readinessProbe": {}}));
        assert!(!settling.observe(&probed, false, now));
        assert!(!settling.observe(&probed, true, now));
        let mut slow = snapshot(0, &json!({}));
        slow.deployment["spec"]["minReadySeconds"] = json!(5);
        assert!(!settling.observe(&slow, true, now));
    }
}
