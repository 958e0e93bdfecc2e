//! Why the preflight checks refuse a deploy.

use cli::{Exit, ExitError};
use thiserror::Error;

use super::Problem;
use crate::indent::indented;
use crate::kubectl::KubectlError;

/// Why a deploy could not succeed.
#[derive(Debug, Error)]
pub(crate) enum PreflightError {
    /// The cluster could not be queried.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The cluster does not meet the requirements.
    #[error("{overlay} cannot be deployed on {context}:{}", indented(problems))]
    Problems {
        overlay: String,
        context: String,
        problems: Vec<Problem>,
    },
}

impl ExitError for PreflightError {
    fn exit(&self) -> Exit {
        match self {
            Self::Kubectl(error) => error.exit(),
            Self::Problems { problems, .. } => problems.first().map_or(Exit::Usage, Problem::exit),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubectl(error) => error.hint(),
            Self::Problems { problems, .. } => problems.first().map(Problem::hint),
        }
    }
}
