//! Why a rollout does not come up: a plain function of what the cluster says.

use std::fmt;

use serde_json::Value;

use crate::snapshot::Snapshot;

/// A crash loop counts once a container has died so often: the first death may be a dependency's.
const CRASHES: u64 = 2;

/// One thing that keeps a rollout from coming up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The pod, or the object where there is no pod yet.
    pub object: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The image cannot be pulled.
    ImagePull {
        /// What containerd or the registry said.
        message: String,
    },
    /// The container cannot be made, for one because a `ConfigMap` it names is missing.
    Container {
        /// What the kubelet said.
        message: String,
    },
    /// The container ends again and again.
    CrashLoop {
        /// How often it was started again.
        restarts: u64,
        /// How it ended last, such as `exit code 2` or `OOMKilled`.
        ended: String,
    },
    /// No node takes the pod.
    Unschedulable {
        /// The scheduler's reason.
        message: String,
    },
    /// A probe fails.
    Probe {
        /// Which, and how.
        message: String,
    },
    /// The pod runs and is ready, but a readiness gate is not: the load balancer's health check.
    Gate {
        /// The condition that is waited for.
        condition: String,
    },
    /// The pod cannot be created: quota, Pod Security, a webhook.
    NotCreated {
        /// What the API server said.
        message: String,
    },
    /// The load balancer has no address.
    NoLoadBalancer {
        /// The controller's last event, where there is one.
        event: Option<String>,
    },
}

impl Cause {
    /// Whether waiting longer is in vain. A pod that fits nowhere may fit once the autoscaler has
    /// brought a node, and a probe may pass at last: those are for the deadline.
    pub fn is_final(&self) -> bool {
        match self {
            Self::ImagePull { .. }
            | Self::Container { .. }
            | Self::CrashLoop { .. }
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
            Cause::Container { message } => write!(f, "the container cannot be made: {message}"),
            Cause::CrashLoop { restarts, ended } => {
                write!(
                    f,
                    "crash loop, restarted {restarts} times; it ended with {ended}"
                )
            }
            Cause::Unschedulable { message } => write!(f, "no node takes it: {message}"),
            Cause::Probe { message } => f.write_str(message),
            Cause::Gate { condition } => {
                write!(
                    f,
                    "ready, but the load balancer has not found it healthy ({condition})"
                )
            }
            Cause::NotCreated { message } => write!(f, "no pod can be created: {message}"),
            Cause::NoLoadBalancer { event: Some(event) } => {
                write!(f, "the load balancer has no address: {event}")
            }
            Cause::NoLoadBalancer { event: None } => f.write_str(
                "the load balancer has no address, and no controller has said anything about it",
            ),
        }
    }
}

/// Everything that keeps the newest revision from being served.
pub fn diagnose(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings: Vec<_> = snapshot
        .pods
        .iter()
        .filter_map(|pod| {
            Some(Finding {
                object: named("pod", pod),
                cause: pod_cause(snapshot, pod)?,
            })
        })
        .collect();
    findings.extend(not_created(snapshot));
    if snapshot.address().is_none() {
        findings.push(Finding {
            object: named("service", &snapshot.balancer),
            cause: Cause::NoLoadBalancer {
                event: snapshot.warnings(&snapshot.balancer).next().map(message),
            },
        });
    }
    findings
}

fn pod_cause(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    let condition = |kind: &str| {
        let conditions = pod["status"]["conditions"].as_array();
        conditions
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == kind)
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
    // The message of a back-off only says that it waits; the event before it says for what.
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
    let ended = &container["lastState"]["terminated"];
    // A container that a probe keeps killing looks like a crash loop; the probe is the cause.
    let killed_by_probe = unhealthy.is_some()
        && snapshot.events.iter().any(|event| {
            event["reason"] == "Killing"
                && event["involvedObject"]["uid"] == pod["metadata"]["uid"]
                && text(&event["message"]).contains("failed")
        });
    if restarts >= CRASHES && !killed_by_probe {
        let ended = match (ended["reason"].as_str(), ended["exitCode"].as_i64()) {
            (Some("OOMKilled"), _) => "OOMKilled: it used more memory than its limit".to_owned(),
            (_, Some(code)) => format!("exit code {code}"),
            _ => "an unknown state".to_owned(),
        };
        return Some(Cause::CrashLoop { restarts, ended });
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

/// The `ReplicaSet`'s own trouble, while it has fewer pods than it wants.
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
