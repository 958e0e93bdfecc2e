//! What keeps a rollout from completing, and whether waiting can help.

use std::fmt;

use serde_json::Value;

use crate::kubectl::text;

/// One reason why a rollout does not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The pod, or another object if there is no pod yet.
    pub object: String,
    /// The cause.
    pub cause: Cause,
}

impl Finding {
    pub(super) fn of(kind: &str, object: &Value, cause: Cause) -> Self {
        let name = object["metadata"]["name"].as_str().unwrap_or("(none)");
        Self {
            object: format!("{kind} {name}"),
            cause,
        }
    }
}

/// The cause of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The image cannot be pulled.
    ImagePull {
        /// The message of containerd or the registry.
        message: String,
    },
    /// A container cannot be created, for example because a `ConfigMap` is missing, or cannot be started, or its
    /// `postStart` hook failed.
    Container {
        /// The container.
        name: String,
        /// What the kubelet cannot do, such as `cannot be created`.
        failure: &'static str,
        /// The kubelet's message.
        message: String,
    },
    /// The kubelet has not prepared what the containers need: volumes, or the pod's network.
    NotPrepared {
        /// The message of the kubelet, or of what provisions volumes.
        message: String,
    },
    /// The pod has ended, for example because its node ran out of memory or disk space.
    Failed {
        /// Such as `Evicted`.
        reason: String,
        /// The kubelet's message.
        message: String,
    },
    /// A container crashes repeatedly.
    CrashLoop {
        /// The container.
        name: String,
        /// Whether it is an init container, which may exit until what it waits for is there.
        is_init: bool,
        /// How often it was restarted.
        restarts: u64,
        /// How it terminated last, such as `exit code 2`, with the runtime's message if it could not be started.
        terminated: String,
    },
    /// The pod fits on no node.
    Unschedulable {
        /// The scheduler's reason.
        message: String,
    },
    /// A probe fails.
    Probe {
        /// The container.
        name: String,
        /// The probe, and its failure.
        message: String,
    },
    /// The pod runs and is ready, but a readiness gate is not: the load balancer's health check.
    Gate {
        /// The missing condition.
        condition: String,
        /// What its controller says, such as that the load balancer's health check gets another status.
        message: Option<String>,
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
    /// node, a pod that failed is replaced, an address or a volume may become free, and a probe or an init container
    /// may still succeed: these wait for the deadline.
    pub fn is_final(&self) -> bool {
        match self {
            Self::ImagePull { .. }
            | Self::Container { .. }
            | Self::CrashLoop { is_init: false, .. }
            | Self::NoGate
            | Self::NotCreated { .. } => true,
            Self::CrashLoop { is_init: true, .. }
            | Self::NotPrepared { .. }
            | Self::Failed { .. }
            | Self::Unschedulable { .. }
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
            Cause::Container {
                name,
                failure,
                message,
            } => write!(f, "container {name} {failure}: {message}"),
            Cause::NotPrepared { message } => {
                write!(f, "its containers cannot be created yet: {message}")
            }
            Cause::Failed { reason, message } if message.is_empty() => {
                write!(f, "it failed: {reason}")
            }
            Cause::Failed { reason, message } => write!(f, "it failed: {reason}: {message}"),
            Cause::CrashLoop {
                name,
                is_init,
                restarts,
                terminated,
            } => {
                let kind = if *is_init {
                    "init container"
                } else {
                    "container"
                };
                write!(
                    f,
                    "{kind} {name}: crash loop, {restarts} restarts; last terminated with {terminated}"
                )
            }
            Cause::Unschedulable { message } => write!(f, "unschedulable: {message}"),
            Cause::Probe { name, message } => write!(f, "container {name}: {message}"),
            Cause::Gate { condition, message } => {
                f.write_str("its containers are ready, but its target is not healthy")?;
                if let Some(message) = message {
                    write!(f, ": {message}")?;
                }
                write!(f, " ({condition})")
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

/// The message of an event, a condition or the state of a container.
pub(super) fn message(of: &Value) -> String {
    text(&of["message"]).trim().to_owned()
}
