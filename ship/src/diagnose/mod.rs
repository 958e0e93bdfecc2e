//! Why a rollout does not complete: a pure function of the cluster's state.

use std::fmt;

use serde_json::Value;

use crate::endpoint;
use crate::kubectl::items;
use crate::snapshot::Snapshot;

/// The restarts that make a crash loop: the first crash may be a dependency's fault.
const CRASHES: u64 = 2;

/// One reason why a rollout does not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The pod, or another object if there is no pod yet.
    pub object: String,
    /// The cause.
    pub cause: Cause,
}

/// The cause of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The image cannot be pulled.
    ImagePull {
        /// The message of containerd or the registry.
        message: String,
    },
    /// The container cannot be created, for example because a `ConfigMap` is missing.
    Container {
        /// The kubelet's message.
        message: String,
    },
    /// The container crashes repeatedly.
    CrashLoop {
        /// How often it was restarted.
        restarts: u64,
        /// How it terminated last, such as `exit code 2` or `OOMKilled`.
        terminated: String,
    },
    /// The pod fits on no node.
    Unschedulable {
        /// The scheduler's reason.
        message: String,
    },
    /// A probe fails.
    Probe {
        /// The probe, and its failure.
        message: String,
    },
    /// The pod runs and is ready, but a readiness gate is not: the load balancer's health check.
    Gate {
        /// The missing condition.
        condition: String,
    },
    /// The namespace enables readiness gates, and the pod has none: it would count as ready before the
    /// load balancer sends to it.
    NoGate,
    /// The pod cannot be created: quota, Pod Security, a webhook.
    NotCreated {
        /// The API server's message.
        message: String,
    },
    /// The load balancer has no address.
    NoLoadBalancer {
        /// The controller's last event, if there is one.
        event: Option<String>,
    },
}

impl Cause {
    /// Whether waiting longer cannot help. An unschedulable pod may fit once the autoscaler has added a
    /// node, and a probe may still pass: these wait for the deadline.
    pub fn is_final(&self) -> bool {
        match self {
            Self::ImagePull { .. }
            | Self::Container { .. }
            | Self::CrashLoop { .. }
            | Self::NoGate
            | Self::NotCreated { .. } => true,
            Self::Unschedulable { .. }
            | Self::Probe { .. }
            | Self::Gate { .. }
            | Self::NoLoadBalancer { .. } => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        match &self.cause {
            Cause::ImagePull { message } => write!(f, "the image cannot be pulled: {message}"),
            Cause::Container { message } => write!(f, "the container cannot be created: {message}"),
            Cause::CrashLoop {
                restarts,
                terminated,
            } => {
                write!(
                    f,
                    "crash loop, {restarts} restarts; last terminated with {terminated}"
                )
            }
            Cause::Unschedulable { message } => write!(f, "unschedulable: {message}"),
            Cause::Probe { message } => f.write_str(message),
            Cause::Gate { condition } => {
                write!(
                    f,
                    "its containers are ready, but its target is not healthy ({condition})"
                )
            }
            Cause::NoGate => f.write_str(
                "no readiness gate was added to it, although its namespace enables them",
            ),
            Cause::NotCreated { message } => write!(f, "no pod can be created: {message}"),
            Cause::NoLoadBalancer { event: Some(event) } => {
                write!(f, "the load balancer has no address: {event}")
            }
            Cause::NoLoadBalancer { event: None } => f.write_str(
                "the load balancer has no address, and no controller has reported an event",
            ),
        }
    }
}

/// Everything that keeps the newest revision from being served. `gated` is whether its pods should have
/// readiness gates.
pub fn diagnose(snapshot: &Snapshot, gated: bool) -> Vec<Finding> {
    let mut findings: Vec<_> = snapshot
        .pods
        .iter()
        .filter_map(|pod| {
            Some(Finding {
                object: named("pod", pod),
                cause: missing_gate(pod, gated).or_else(|| pod_cause(snapshot, pod))?,
            })
        })
        .collect();
    findings.extend(not_created(snapshot));
    if endpoint::address(&snapshot.balancer).is_none() {
        let kind = snapshot.balancer["kind"].as_str().unwrap_or("service");
        findings.push(Finding {
            object: named(&kind.to_lowercase(), &snapshot.balancer),
            cause: Cause::NoLoadBalancer {
                event: snapshot.warnings(&snapshot.balancer).next().map(message),
            },
        });
    }
    findings
}

/// Gates are added when a pod is created, never to an existing pod.
fn missing_gate(pod: &Value, gated: bool) -> Option<Cause> {
    let present = pod["spec"]["readinessGates"].as_array();
    (gated && present.is_none_or(Vec::is_empty)).then_some(Cause::NoGate)
}

fn pod_cause(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    let condition = |kind: &str| {
        items(&pod["status"]["conditions"]).find(|condition| condition["type"] == kind)
    };
    if let Some(scheduled) = condition("PodScheduled")
        && scheduled["reason"] == "Unschedulable"
    {
        return Some(Cause::Unschedulable {
            message: text(&scheduled["message"]),
        });
    }
    let container = &pod["status"]["containerStatuses"][0];
    let waiting = &container["state"]["waiting"];
    // A back-off's message does not state the reason; the earlier event does.
    let pull = || {
        let mut messages = snapshot.warnings(pod).map(message);
        messages.find(|message| message.starts_with("Failed to pull image"))
    };
    match waiting["reason"].as_str() {
        Some("ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull") => {
            let message = pull().unwrap_or_else(|| text(&waiting["message"]));
            return Some(Cause::ImagePull { message });
        }
        Some("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            return Some(Cause::Container {
                message: text(&waiting["message"]),
            });
        }
        _ => {}
    }
    let restarts = container["restartCount"].as_u64().unwrap_or_default();
    let unhealthy = snapshot
        .warnings(pod)
        .find(|event| event["reason"] == "Unhealthy")
        .map(message);
    let last = &container["lastState"]["terminated"];
    // A container that a probe keeps killing looks like a crash loop; the probe is the cause.
    let killed_by_probe = unhealthy.is_some()
        && snapshot.events.iter().any(|event| {
            event["reason"] == "Killing"
                && event["involvedObject"]["uid"] == pod["metadata"]["uid"]
                && text(&event["message"]).contains("failed")
        });
    if restarts >= CRASHES && !killed_by_probe {
        let terminated = match (last["reason"].as_str(), last["exitCode"].as_i64()) {
            (Some("OOMKilled"), _) => "OOMKilled: it used more memory than its limit".to_owned(),
            (_, Some(code)) => format!("exit code {code}"),
            _ => "an unknown state".to_owned(),
        };
        return Some(Cause::CrashLoop {
            restarts,
            terminated,
        });
    }
    if condition("Ready").is_some_and(|ready| ready["status"] == "True") {
        return None;
    }
    if condition("ContainersReady").is_some_and(|ready| ready["status"] == "True") {
        let gates = pod["spec"]["readinessGates"].as_array();
        let missing = gates.into_iter().flatten().find(|gate| {
            let kind = gate["conditionType"].as_str().unwrap_or_default();
            condition(kind).is_none_or(|condition| condition["status"] != "True")
        })?;
        return Some(Cause::Gate {
            condition: text(&missing["conditionType"]),
        });
    }
    unhealthy.map(|message| Cause::Probe { message })
}

/// Why the `ReplicaSet` cannot create its missing pods.
fn not_created(snapshot: &Snapshot) -> Option<Finding> {
    let wanted = snapshot.newest["spec"]["replicas"].as_u64()?;
    let there = snapshot.newest["status"]["replicas"]
        .as_u64()
        .unwrap_or_default();
    let conditions = snapshot.newest["status"]["conditions"].as_array()?;
    let failure = conditions
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    (there < wanted).then(|| Finding {
        object: named("replicaset", &snapshot.newest),
        cause: Cause::NotCreated {
            message: text(&failure["message"]),
        },
    })
}

fn named(kind: &str, object: &Value) -> String {
    format!(
        "{kind} {}",
        object["metadata"]["name"].as_str().unwrap_or("(none)")
    )
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn message(event: &Value) -> String {
    text(&event["message"])
}

#[cfg(test)]
mod tests;
