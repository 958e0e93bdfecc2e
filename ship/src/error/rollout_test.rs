//! Why a rollout test did not pass.

use std::time::Duration;

use cli::{Exit, ExitError};
use thiserror::Error;

/// Why a rollout test did not pass.
#[derive(Debug, Error)]
pub enum RolloutTestError {
    /// The load could not be started.
    #[error("cannot start the load")]
    Start(#[source] std::io::Error),
    /// The load stopped early.
    #[error("the load failed")]
    Load(#[source] std::io::Error),
    /// The load generator supports only plain HTTP.
    #[error("the load generator supports only plain HTTP, and the service is at {0}")]
    Https(String),
    /// The load balancer's name cannot be resolved.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The name, with a port.
        host: String,
        /// The resolver's error.
        source: std::io::Error,
    },
    /// The name has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// No pod to delete.
    #[error("there is no pod to delete")]
    NoPod,
    /// Pods that do not terminate.
    #[error("pods are still terminating after {}s", .0.as_secs())]
    Terminating(Duration),
    /// Requests without a complete response.
    #[error("{failed} of {sent} requests failed")]
    Lost {
        /// The failed requests.
        failed: u64,
        /// All requests.
        sent: u64,
    },
}

impl ExitError for RolloutTestError {
    fn exit(&self) -> Exit {
        match self {
            Self::Https(_) => Exit::Usage,
            Self::Start(_)
            | Self::Load(_)
            | Self::Resolve { .. }
            | Self::NoAddress(_)
            | Self::NoPod
            | Self::Terminating(_)
            | Self::Lost { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
