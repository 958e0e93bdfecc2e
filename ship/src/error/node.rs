//! Why a node could not be inspected.

use std::path::PathBuf;
use std::time::Duration;

use cli::{Exit, ExitError};
use thiserror::Error;

/// Why a node could not be inspected.
#[derive(Debug, Error)]
pub(crate) enum NodeError {
    /// No node has this name.
    #[error("context {context} has no node `{node}`")]
    Unknown {
        context: String,
        node: String,
        known: Vec<String>,
    },
    /// The pod's manifest cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The pod's manifest is not a Pod.
    #[error("{}: invalid YAML", path.display())]
    Yaml {
        path: PathBuf,
        source: serde_saphyr::Error,
    },
    /// The container cannot start.
    #[error("nodectl cannot start on {node}: {reason}: {message}")]
    CannotStart {
        node: String,
        reason: String,
        message: String,
    },
    /// The container did not start in time.
    #[error("nodectl did not start on {node} within {}s", after.as_secs())]
    NotStarted { node: String, after: Duration },
    /// The kubelet did not report how the container terminated.
    #[error("the kubelet of {node} does not report how nodectl terminated")]
    NoExitCode { node: String },
}

impl ExitError for NodeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unknown { .. } | Self::Read { .. } | Self::Yaml { .. } => Exit::Usage,
            Self::CannotStart { .. } | Self::NotStarted { .. } | Self::NoExitCode { .. } => {
                Exit::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { known, .. } => Some(format!("NODE= is one of: {}", known.join(", "))),
            Self::NotStarted { .. } => Some(
                "`kubectl get events -n kube-system` has the scheduler's and the kubelet's reasons"
                    .to_owned(),
            ),
            Self::Read { .. }
            | Self::Yaml { .. }
            | Self::CannotStart { .. }
            | Self::NoExitCode { .. } => None,
        }
    }
}
