//! The error of any command.

use std::path::PathBuf;

use cli::{Exit, ExitError};
use thiserror::Error;

use super::{NodeError, RolloutError, RolloutTestError, SmokeError, UndeployError};
use crate::image::ImageError;
use crate::kubectl::KubectlError;
use crate::manifests::ManifestError;
use crate::preflight::PreflightError;

/// An error of a command. Each variant's type defines its exit code and hint.
#[derive(Debug, Error)]
pub(crate) enum ShipError {
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    #[error(transparent)]
    Manifests(#[from] ManifestError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Smoke(#[from] SmokeError),
    #[error(transparent)]
    RolloutTest(#[from] RolloutTestError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Undeploy(#[from] UndeployError),
    /// A command that needs a running service found none.
    #[error("nothing is deployed on {context}, or it has no address yet")]
    NotDeployed { context: String },
    #[error("cannot write to stdout")]
    Stdout(#[source] std::io::Error),
    /// The file of `render --output`.
    #[error("cannot write {}", file.display())]
    Output {
        file: PathBuf,
        source: std::io::Error,
    },
}

impl ExitError for ShipError {
    fn exit(&self) -> Exit {
        match self {
            Self::Kubectl(error) => error.exit(),
            Self::Manifests(error) => error.exit(),
            Self::Image(error) => error.exit(),
            Self::Preflight(error) => error.exit(),
            Self::Rollout(error) => error.exit(),
            Self::Smoke(error) => error.exit(),
            Self::RolloutTest(error) => error.exit(),
            Self::Node(error) => error.exit(),
            Self::Undeploy(error) => error.exit(),
            Self::NotDeployed { .. } | Self::Stdout(_) | Self::Output { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubectl(error) => error.hint(),
            Self::Manifests(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::Preflight(error) => error.hint(),
            Self::Rollout(error) => error.hint(),
            Self::Smoke(error) => error.hint(),
            Self::RolloutTest(error) => error.hint(),
            Self::Node(error) => error.hint(),
            Self::NotDeployed { .. } => Some("`make status` shows what is deployed".to_owned()),
            Self::Undeploy(error) => error.hint(),
            Self::Output { .. } => Some("OUT= (--output) is the path of a file".to_owned()),
            Self::Stdout(_) => None,
        }
    }
}
