//! Events while Deployments run, for the terminal.

use std::net::SocketAddr;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A pod of an earlier nodectl is adopted.
    Adopted {
        /// The pod.
        pod: String,
        /// How many of its containers run.
        running: usize,
        /// How many it has.
        containers: usize,
    },
    /// A pod of an earlier nodectl has a shim that does not answer, and is not adopted.
    Stuck {
        /// The pod.
        pod: String,
    },
    /// A pod is being created.
    Creating {
        /// The pod.
        pod: String,
    },
    /// A container runs.
    Started {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// The ID of its first process on the host.
        pid: u32,
    },
    /// A pod became ready, or is no longer ready.
    Ready {
        /// The pod.
        pod: String,
        /// Whether it is ready.
        ready: bool,
    },
    /// A container's readiness probe has failed `failureThreshold` times.
    NotReady {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// Which probe and why.
        reason: String,
    },
    /// A container exited.
    Exited {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// Its exit code.
        code: u32,
        /// Whether the kernel OOM-killed it.
        oom: bool,
        /// Seconds until it is restarted, `None` if it is not.
        restart_in_secs: Option<u64>,
    },
    /// A probe failed, and its container is restarted.
    Unhealthy {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// The probe, and the reason.
        reason: String,
    },
    /// A pod is being stopped.
    Stopping {
        /// The pod.
        pod: String,
    },
    /// A pod is gone.
    Stopped {
        /// The pod.
        pod: String,
    },
    /// A pod could not be stopped because containerd does not answer.
    Left {
        /// The pod.
        pod: String,
    },
    /// An operation failed and is retried.
    Failed {
        /// The pod.
        pod: String,
        /// The operation, and its error.
        reason: String,
    },
    /// A pod cannot be created yet.
    NotCreated {
        /// The Deployment, as `namespace/name`.
        deployment: String,
        /// Why.
        reason: String,
    },
    /// A part of a container's log could not be written.
    LogDropped {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// How many lines are missing.
        lines: u64,
        /// How many bytes of the container's output these are.
        bytes: u64,
        /// Why they could not be written.
        reason: String,
        /// Whether the log is being written again.
        over: bool,
    },
    /// The process that writes a container's log was killed, and is replaced.
    LogWriter {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// The load balancer accepts connections for a Service's port.
    Listening {
        /// The Service.
        service: String,
        /// The address where it listens.
        address: SocketAddr,
    },
    /// Every Deployment has all its pods ready, created from its current template.
    RolloutComplete {
        /// Pods that are ready.
        pods: usize,
    },
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Adopted {
                pod,
                running,
                containers,
            } if running >= containers => write!(f, "pod {pod}: adopted, it kept running"),
            Self::Adopted {
                pod,
                running,
                containers,
            } => write!(
                f,
                "pod {pod}: adopted, {running} of its {containers} containers kept running"
            ),
            Self::Stuck { pod } => write!(
                f,
                "pod {pod}: not adopted, because its shim does not answer; `nodectl down` removes it"
            ),
            Self::Creating { pod } => write!(f, "pod {pod}: creating"),
            Self::Started {
                pod,
                container,
                pid,
            } => {
                write!(f, "pod {pod}: container {container} started, process {pid}")
            }
            Self::Ready { pod, ready: true } => write!(f, "pod {pod}: ready"),
            Self::Ready { pod, ready: false } => write!(f, "pod {pod}: not ready"),
            Self::NotReady {
                pod,
                container,
                reason,
            } => {
                write!(f, "pod {pod}: container {container} is not ready: {reason}")
            }
            Self::Exited {
                pod,
                container,
                code,
                oom,
                restart_in_secs,
            } => {
                write!(f, "pod {pod}: container {container} exited with {code}")?;
                write_cause(f, *code, *oom)?;
                match restart_in_secs {
                    Some(0) => f.write_str(", restarting"),
                    Some(secs) => write!(f, ", restarting in {secs} s"),
                    None => Ok(()),
                }
            }
            Self::Unhealthy {
                pod,
                container,
                reason,
            } => {
                write!(f, "pod {pod}: container {container} is unhealthy: {reason}")
            }
            Self::Stopping { pod } => write!(f, "pod {pod}: stopping"),
            Self::Stopped { pod } => write!(f, "pod {pod}: stopped"),
            Self::Left { pod } => write!(
                f,
                "pod {pod}: not stopped, containerd does not answer; `nodectl down` removes it later"
            ),
            Self::Failed { pod, reason } => write!(f, "pod {pod}: {reason}"),
            Self::NotCreated { deployment, reason } => write!(
                f,
                "Deployment {deployment}: cannot create another pod yet: {reason}"
            ),
            Self::LogDropped {
                pod,
                container,
                lines,
                bytes,
                reason,
                over,
            } => {
                let bytes = cli::Bytes(*bytes);
                write!(f, "pod {pod}: log of container {container}")?;
                if *over {
                    write!(f, " resumed; {lines} lines ({bytes}) were lost: {reason}")
                } else {
                    write!(f, ": {lines} lines ({bytes}) lost so far: {reason}")
                }
            }
            Self::LogWriter { pod, container } => write!(
                f,
                "pod {pod}: log of container {container}: its writer was killed, starting another"
            ),
            Self::Listening { service, address } => {
                write!(f, "service {service}: listening on {address}")
            }
            Self::RolloutComplete { pods: 1 } => write!(f, "all ready: 1 pod"),
            Self::RolloutComplete { pods } => write!(f, "all ready: {pods} pods"),
        }
    }
}

/// What killed a process, if it did not exit on its own.
fn write_cause(f: &mut std::fmt::Formatter<'_>, code: u32, oom: bool) -> std::fmt::Result {
    match code.checked_sub(128) {
        _ if oom => f.write_str(" (OOMKilled: its memory limit was reached)"),
        Some(9) => f.write_str(" (SIGKILL)"),
        Some(15) => f.write_str(" (SIGTERM)"),
        Some(signal @ 1..=64) => write!(f, " (signal {signal})"),
        _ => Ok(()),
    }
}
