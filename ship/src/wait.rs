//! How far a rollout is, and waiting for its end.

use std::time::{Duration, Instant};

use cli::Printer;
use serde_json::Value;
use thiserror::Error;

use crate::diagnose::{Finding, diagnose};
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Target;
use crate::snapshot::Snapshot;

/// Between two looks at the cluster.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a finding has to last before it ends the wait: an image pull may fail once.
const PATIENCE: Duration = Duration::from_secs(15);

/// A rollout that did not come up.
#[derive(Debug, Error)]
#[error("{what} did not come up, seen for {}s{}", after.as_secs(), list(findings))]
pub(super) struct RolloutFailed {
    /// The Deployment or the load balancer.
    pub(super) what: String,
    /// How long was waited.
    pub(super) after: Duration,
    /// Why, where that is known.
    pub(super) findings: Vec<Finding>,
}

fn list(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect();
    lines.concat()
}

/// How far a Deployment is, as `kubectl rollout status` counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Every pod is of the newest revision and available.
    Done,
    /// What is missing, for a person.
    Waiting(String),
    /// Kubernetes gave up: progressDeadlineSeconds is over.
    GaveUp,
}

pub(super) fn progress(deployment: &Value) -> Progress {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let status = &deployment["status"];
    if number(&status["observedGeneration"]) < number(&deployment["metadata"]["generation"]) {
        return Progress::Waiting("the controller has not seen it yet".to_owned());
    }
    let gave_up = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| {
            condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded"
        });
    if gave_up {
        return Progress::GaveUp;
    }
    let wanted = number(&deployment["spec"]["replicas"]);
    let all = number(&status["replicas"]);
    let updated = number(&status["updatedReplicas"]);
    let available = number(&status["availableReplicas"]);
    if updated < wanted {
        Progress::Waiting(format!("{updated} of {wanted} pods are new"))
    } else if available < updated {
        Progress::Waiting(format!("{available} of {updated} new pods are available"))
    } else if all > updated {
        Progress::Waiting(format!("{} old pods are leaving", all - updated))
    } else {
        Progress::Done
    }
}

/// Waits for the Deployment, and returns what was there at the end.
///
/// Fails as soon as waiting longer is in vain, with everything that is wrong.
pub(super) fn for_rollout(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    timeout: Duration,
) -> anyhow::Result<Snapshot> {
    let began = Instant::now();
    let mut told = String::new();
    let mut hopeless: Option<Instant> = None;
    loop {
        let snapshot = Snapshot::take(kubectl, target)?;
        let gave_up = match progress(&snapshot.deployment) {
            Progress::Done => return Ok(snapshot),
            Progress::GaveUp => true,
            Progress::Waiting(what) => {
                if what != told {
                    printer.status(&format!("Waiting: {what}"));
                    told = what;
                }
                false
            }
        };
        let findings = diagnose(&snapshot);
        if findings.iter().any(|finding| finding.cause.is_final()) {
            hopeless.get_or_insert_with(Instant::now);
        } else {
            hopeless = None;
        }
        let in_vain = hopeless.is_some_and(|since| since.elapsed() >= PATIENCE);
        if gave_up || in_vain || began.elapsed() >= timeout {
            let what = format!("deployment {}", target.deployment);
            return Err(RolloutFailed {
                what,
                after: began.elapsed(),
                findings,
            }
            .into());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Waits for the load balancer's address, and returns the URL.
pub(super) fn for_address(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    timeout: Duration,
) -> anyhow::Result<String> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let snapshot = Snapshot::take(kubectl, target)?;
        if let Some(url) = snapshot.url() {
            return Ok(url);
        }
        if began.elapsed() >= timeout {
            let what = format!(
                "{} {}",
                target.balancer_kind.to_lowercase(),
                target.balancer
            );
            let findings = diagnose(&snapshot);
            return Err(RolloutFailed {
                what,
                after: began.elapsed(),
                findings,
            }
            .into());
        }
        if !told {
            printer.status("Waiting: the load balancer has no address yet");
            told = true;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The last lines of the log of a pod that crashes: of the run before, when there was one.
pub(super) fn last_words(
    kubectl: &Kubectl,
    target: &Target,
    pod: &str,
) -> Result<String, KubectlError> {
    let args = ["logs", pod, "-n", &target.namespace, "--tail=8"];
    kubectl
        .run(&[&args[..], &["--previous"]].concat())
        .or_else(|_| kubectl.run(&args))
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
    fn a_rollout_is_done_when_only_new_pods_are_left_and_available() {
        let waiting = |text: &str| Progress::Waiting(text.to_owned());
        check(&json!({}), &waiting("the controller has not seen it yet"));
        check(
            &json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            &waiting("the controller has not seen it yet"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}),
            &waiting("1 of 3 pods are new"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}),
            &waiting("2 of 3 new pods are available"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 4}),
            &waiting("1 old pods are leaving"),
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            &Progress::Done,
        );
        check(
            &json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
            &Progress::GaveUp,
        );
    }
}
