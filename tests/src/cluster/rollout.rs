//! Replaces pods, and waits for that.

use std::time::{Duration, Instant};

use super::Cluster;
use super::objects::{DEPLOYMENT, NAMESPACE};

/// Longer than any step takes on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(5);

impl Cluster {
    /// Replaces all pods, and waits until the old ones are gone.
    pub fn restart(&self) {
        self.run(&["rollout", "restart", DEPLOYMENT, "-n", NAMESPACE]);
        self.wait_for_rollout();
    }

    /// Scales the Deployment, and waits until the rollout is complete.
    pub fn scale(&self, pods: u32) {
        let replicas = format!("--replicas={pods}");
        self.run(&["scale", DEPLOYMENT, &replicas, "-n", NAMESPACE]);
        self.wait_for_rollout();
    }

    /// Deletes a pod, and waits until it is replaced.
    ///
    /// # Panics
    /// When there is none.
    pub fn delete_a_pod(&self) {
        let pods = self.pods();
        let name = pods
            .first()
            .and_then(|pod| pod["metadata"]["name"].as_str());
        self.run(&[
            "delete",
            "pod",
            name.expect("there are pods"),
            "-n",
            NAMESPACE,
            "--wait=false",
        ]);
        self.wait_for_rollout();
    }

    /// Waits until the rollout is complete and no pod is terminating: terminating pods still serve.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_for_rollout(&self) {
        let timeout = format!("--timeout={}s", TIMEOUT.as_secs());
        self.run(&["rollout", "status", DEPLOYMENT, "-n", NAMESPACE, &timeout]);
        let leaving = "-o=jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}";
        self.wait_until("no pod is terminating", || {
            let pods = self.run(&["get", "pods", "-n", NAMESPACE, leaving]);
            pods.is_empty()
        });
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// When it takes too long.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < TIMEOUT, "timed out waiting until {what}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}
