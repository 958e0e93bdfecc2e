//! The progress of a rollout, and waiting until it is complete.

use std::time::{Duration, Instant};

use cli::Printer;
use serde_json::Value;

use crate::diagnose::diagnose;
use crate::endpoint::Endpoint;
use crate::error::{RolloutError, ShipError};
use crate::kubectl::{Kubectl, KubectlError, items};
use crate::manifests::Target;
use crate::settling::Settling;
use crate::snapshot::Snapshot;

/// The polling interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a final finding has to last before the rollout fails: an image pull may fail once.
const FINAL_AFTER: Duration = Duration::from_secs(15);

/// The progress of a Deployment, as `kubectl rollout status` computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Every pod is of the newest revision and available.
    Complete,
    /// What is missing, for people.
    Waiting(String),
    /// Kubernetes gave up: progressDeadlineSeconds has passed.
    DeadlineExceeded,
}

pub(super) fn progress(deployment: &Value) -> Progress {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let status = &deployment["status"];
    if number(&status["observedGeneration"]) < number(&deployment["metadata"]["generation"]) {
        return Progress::Waiting("the controller has not observed the change yet".to_owned());
    }
    let gave_up = items(&status["conditions"]).any(|condition| {
        condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded"
    });
    if gave_up {
        return Progress::DeadlineExceeded;
    }
    let wanted = number(&deployment["spec"]["replicas"]);
    let all = number(&status["replicas"]);
    let updated = number(&status["updatedReplicas"]);
    let available = number(&status["availableReplicas"]);
    if updated < wanted {
        Progress::Waiting(format!("{updated} of {wanted} pods are updated"))
    } else if available < updated {
        Progress::Waiting(format!(
            "{available} of {updated} updated pods are available"
        ))
    } else if all > updated {
        Progress::Waiting(format!("old pods pending termination: {}", all - updated))
    } else {
        Progress::Complete
    }
}

/// A time limit that restarts with each step of progress: the duration of a rollout depends on the number
/// of pods and on how long the load balancer takes for each.
#[derive(Debug)]
struct NoProgress {
    limit: Duration,
    state: String,
    since: Instant,
}

impl NoProgress {
    fn new(limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            state: String::new(),
            since: now,
        }
    }

    /// Notes the current state, and returns whether it has changed.
    fn observe(&mut self, state: &str, now: Instant) -> bool {
        if self.state == state {
            return false;
        }
        state.clone_into(&mut self.state);
        self.since = now;
        true
    }

    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= self.limit
    }
}

/// Waits until the rollouts of Deployments are complete. `timeout` is the longest time without progress of each.
///
/// Fails as soon as waiting longer cannot help, with every finding.
pub(super) fn for_rollouts<'a>(
    printer: Printer,
    kubectl: &Kubectl,
    targets: impl IntoIterator<Item = &'a Target>,
    timeout: Duration,
) -> Result<(), ShipError> {
    let began = Instant::now();
    let mut rollouts: Vec<_> = targets
        .into_iter()
        .map(|target| Rollout {
            target,
            limit: NoProgress::new(timeout, began),
            settling: Settling::default(),
            final_since: None,
        })
        .collect();
    let is_only = rollouts.len() == 1;
    loop {
        let mut are_complete = true;
        for rollout in &mut rollouts {
            let (progress, is_news) = rollout.observe(kubectl, began)?;
            are_complete &= progress == Progress::Complete && rollout.final_since.is_none();
            if let (Progress::Waiting(what), true) = (progress, is_news) {
                let name = &rollout.target.deployment;
                printer.status(&if is_only {
                    format!("Waiting: {what}")
                } else {
                    format!("Waiting for {name}: {what}")
                });
            }
        }
        if are_complete {
            return Ok(());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// A rollout that is waited for.
struct Rollout<'a> {
    target: &'a Target,
    limit: NoProgress,
    settling: Settling,
    /// Since when a finding is final.
    final_since: Option<Instant>,
}

impl Rollout<'_> {
    /// Its progress, and whether that has changed; an error if waiting longer cannot help.
    fn observe(
        &mut self,
        kubectl: &Kubectl,
        began: Instant,
    ) -> Result<(Progress, bool), ShipError> {
        let snapshot = Snapshot::take(kubectl, self.target)?;
        let now = Instant::now();
        let mut progress = progress(&snapshot.deployment);
        let is_complete = progress == Progress::Complete;
        if self.settling.observe(&snapshot, is_complete, now) {
            let what = "the pods have no readiness probe, so they are watched for some seconds";
            progress = Progress::Waiting(what.to_owned());
        }
        let is_news = match &progress {
            Progress::Waiting(what) => self.limit.observe(what, now),
            Progress::Complete | Progress::DeadlineExceeded => false,
        };
        let findings = diagnose(&snapshot, self.target.gated);
        // Pods without their gate count as available too early, so that complete rollouts have findings, too.
        if findings.iter().any(|finding| finding.cause.is_final()) {
            self.final_since.get_or_insert(now);
        } else {
            self.final_since = None;
        }
        let since = self.final_since;
        let is_final = since.is_some_and(|since| now.duration_since(since) >= FINAL_AFTER);
        let has_stalled = progress != Progress::Complete && self.limit.is_over(now);
        if is_final || has_stalled || progress == Progress::DeadlineExceeded {
            return Err(RolloutError {
                what: format!("deployment {}", self.target.deployment),
                namespace: self.target.namespace.clone(),
                after: began.elapsed(),
                findings,
            }
            .into());
        }
        Ok((progress, is_news))
    }
}

/// Waits until the load balancer has an address.
pub(super) fn for_address(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    timeout: Duration,
) -> Result<Endpoint, ShipError> {
    let began = Instant::now();
    let mut reported = false;
    loop {
        let snapshot = Snapshot::take(kubectl, target)?;
        if let Some(endpoint) = snapshot.endpoint() {
            return Ok(endpoint);
        }
        if began.elapsed() >= timeout {
            return Err(RolloutError {
                what: target.balancer_name(),
                namespace: target.namespace.clone(),
                after: began.elapsed(),
                findings: diagnose(&snapshot, target.gated),
            }
            .into());
        }
        if !reported {
            printer.status("Waiting: the load balancer has no address yet");
            reported = true;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The end of the log of a pod's container: of its run before the last restart, if there was one.
pub(super) fn last_log_lines(
    kubectl: &Kubectl,
    namespace: &str,
    pod: &str,
    container: &str,
) -> Result<String, KubectlError> {
    let args = ["logs", pod, "-n", namespace, "--tail=8"];
    let args = [&args[..], &["--container", container]].concat();
    match kubectl.run(&[&args[..], &["--previous"]].concat()) {
        // What kubectl prints, with success, while the kubelet replaces the container.
        Ok(log) if !log.starts_with("unable to retrieve container logs") => Ok(log),
        Ok(_) | Err(_) => kubectl.run(&args),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(status: &Value, expected: &Progress) {
        let deployment = json!({
            "metadata": {"generation": 4}, "spec": {"replicas": 3}, "status": status,
        });
        assert_eq!(&progress(&deployment), expected);
    }

    #[test]
    fn a_rollout_is_complete_when_only_updated_pods_are_left_and_available() {
        let waiting = |text: &str| Progress::Waiting(text.to_owned());
        let unobserved = waiting("the controller has not observed the change yet");
        check(&json!({}), &unobserved);
        check(
            &json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            &unobserved,
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}),
            &waiting("1 of 3 pods are updated"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}),
            &waiting("2 of 3 updated pods are available"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 4}),
            &waiting("old pods pending termination: 1"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            &Progress::Complete,
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
            &Progress::DeadlineExceeded,
        );
    }

    /// Twelve pods that take four minutes each are fine with a limit of five.
    #[test]
    fn the_time_limit_restarts_with_each_step_of_progress() {
        let began = Instant::now();
        let minutes = |count: u64| began + Duration::from_mins(count);
        let mut limit = NoProgress::new(Duration::from_mins(5), began);
        for pod in 1..=12 {
            assert!(limit.observe(&format!("{pod} of 12"), minutes(4 * pod)));
            assert!(!limit.is_over(minutes(4 * pod + 4)));
        }
        assert!(!limit.observe("12 of 12", minutes(52)));
        assert!(limit.is_over(minutes(53)));
    }
}
