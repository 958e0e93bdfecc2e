//! Errors of registries and of Amazon ECR.

use cli::{Exit, ExitError};

use super::place::{PlaceError as _, copy};
use crate::registry::PublishError;
#[cfg(feature = "ecr")]
use crate::registry::{EcrError, HttpError};

impl ExitError for PublishError {
    fn exit(&self) -> Exit {
        match self {
            Self::File { .. }
            | Self::NoCertificate { .. }
            | Self::Trust(_)
            | Self::Reference(_)
            | Self::NotEcr { .. } => Exit::Usage,
            #[cfg(feature = "ecr")]
            Self::Ecr(error) => error.exit(),
            Self::Connect { source, .. } => source.verdict().exit,
            Self::Copy { source, .. } => copy(source).exit,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. }
            | Self::NoCertificate { .. }
            | Self::Trust(_)
            | Self::Reference(_)
            | Self::NotEcr { .. } => None,
            #[cfg(feature = "ecr")]
            Self::Ecr(error) => error.hint(),
            Self::Connect { source, .. } => source.verdict().hint,
            Self::Copy { source, .. } => copy(source).hint,
        }
    }
}

#[cfg(feature = "ecr")]
impl ExitError for EcrError {
    fn exit(&self) -> Exit {
        match self {
            Self::Runtime(_) | Self::Http(HttpError::Setup { .. }) => Exit::Failed,
            Self::Http(HttpError::Proxy(_)) => Exit::Usage,
            Self::Token {
                unreachable: true, ..
            }
            | Self::Create {
                unreachable: true, ..
            } => Exit::Unreachable,
            Self::Token { .. } | Self::NoToken { .. } | Self::Create { .. } => Exit::Authentication,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Runtime(_)
            | Self::Http(_)
            | Self::NoToken { .. }
            | Self::Token {
                unreachable: true, ..
            }
            | Self::Create {
                unreachable: true, ..
            } => None,
            Self::Token { .. } => {
                Some("`aws sts get-caller-identity` shows who you are".to_owned())
            }
            Self::Create { .. } => Some(
                "--create-repository needs ecr:DescribeRepositories and ecr:CreateRepository"
                    .to_owned(),
            ),
        }
    }
}
