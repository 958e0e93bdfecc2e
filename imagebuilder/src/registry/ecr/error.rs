//! Errors of Amazon ECR's API.

use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use oci::registry::one_line;

use super::http::HttpError;

/// Why Amazon ECR could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EcrError {
    #[error("cannot start a runtime for the AWS SDK")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The SDK's credential chain found none, or AWS refuses them.
    #[error("GetAuthorizationToken in {region}: {reason}")]
    Token {
        region: String,
        reason: String,
        unreachable: bool,
    },
    #[error("GetAuthorizationToken in {region}: the response contains no token")]
    NoToken { region: String },
    #[error("cannot create the repository `{repository}` in {region}: {reason}")]
    Create {
        repository: String,
        region: String,
        reason: String,
        unreachable: bool,
        /// The credentials may not create it.
        denied: bool,
    },
}

impl EcrError {
    /// The error of fetching a token.
    pub(super) fn token<E>(region: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + 'static,
    {
        Self::Token {
            region: region.to_owned(),
            reason: reason(error),
            unreachable: is_unreachable(error),
        }
    }

    /// The error of creating a repository.
    pub(super) fn create<E>(
        repository: &str,
        region: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self::Create {
            repository: repository.to_owned(),
            region: region.to_owned(),
            reason: reason(error),
            unreachable: is_unreachable(error),
            denied: is_denied(error),
        }
    }

    /// Whether the credentials may not create a repository.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Create { denied: true, .. })
    }

    /// Whether AWS could not be reached, so that nothing is known about the credentials.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Token {
                unreachable: true,
                ..
            } | Self::Create {
                unreachable: true,
                ..
            }
        )
    }
}

/// Whether the credentials do not allow the request.
fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    code == Some("AccessDeniedException")
}

fn is_unreachable<E, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_io() || failure.is_timeout(),
        _ => false,
    }
}

/// The SDK's error with its causes, in one line.
fn reason(error: &(impl std::error::Error + 'static)) -> String {
    one_line(&cli::one_line(error))
}
