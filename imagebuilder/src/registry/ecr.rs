//! Amazon ECR by the AWS SDK: its credential chain, its tokens, its repositories.
//!
//! The region is the registry's, whatever the environment says. `AWS_ENDPOINT_URL_ECR` and the
//! other settings of the SDK count as they do everywhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::primitives::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::registry::{Credentials, Secret, Settings, one_line};

use super::EcrHost;
use super::ecr_http::{self, HttpError};

/// Why Amazon ECR could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EcrError {
    #[error("cannot start a runtime for the AWS SDK")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// No part of the SDK's chain has credentials, or AWS refuses them.
    #[error("GetAuthorizationToken in {region}: {reason}")]
    Token {
        region: String,
        reason: String,
        unreachable: bool,
    },
    #[error("GetAuthorizationToken in {region}: its answer has no token")]
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

/// ECR in one region.
pub(crate) struct Ecr {
    host: EcrHost,
    client: Client,
    runtime: tokio::runtime::Runtime,
    token: Mutex<Option<Token>>,
}

/// A name and password of ECR, kept in memory.
#[derive(Clone, Debug)]
struct Token {
    credentials: Credentials,
    /// In seconds since 1970; nothing where the answer did not say.
    expires: Option<i64>,
}

/// A token with less than this left is renewed: a push may take as long.
const LEAST_VALID: Duration = Duration::from_mins(15);

impl Ecr {
    /// Finds the SDK's settings and credentials.
    ///
    /// The SDK's own requests go through the proxy of `settings`, and trust what it trusts.
    pub(crate) fn new(host: EcrHost, settings: &Settings) -> Result<Self, EcrError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(EcrError::Runtime)?;
        let http = ecr_http::client(settings)?;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(host.region.clone()))
            .use_fips(host.fips)
            .use_dual_stack(host.dual_stack)
            .http_client(http)
            .load();
        let client = Client::new(&runtime.block_on(config));
        Ok(Self {
            host,
            client,
            runtime,
            token: Mutex::default(),
        })
    }

    /// A name and password that are good for 12 hours: those of the last time until shortly before
    /// they expire. `now` is the time since 1970.
    pub(crate) fn credentials(&self, now: Duration) -> Result<Credentials, EcrError> {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = token.as_ref().filter(|token| token.is_valid(now)) {
            return Ok(token.credentials.clone());
        }
        let fetched = self.fetch()?;
        let credentials = fetched.credentials.clone();
        *token = Some(fetched);
        Ok(credentials)
    }

    /// Forgets the token, which the registry refused.
    pub(crate) fn refused(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn fetch(&self) -> Result<Token, EcrError> {
        let region = || self.host.region.clone();
        let answer = self
            .runtime
            .block_on(self.client.get_authorization_token().send());
        let answer = answer.map_err(|error| EcrError::Token {
            region: region(),
            reason: reason(&error),
            unreachable: is_unreachable(&error),
        })?;
        let data = answer.authorization_data().first();
        let expires = data.and_then(|data| data.expires_at()).map(DateTime::secs);
        let token = data
            .and_then(|data| STANDARD.decode(data.authorization_token()?).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = token.as_deref().and_then(|text| text.split_once(':'));
        let (username, password) = pair.ok_or_else(|| EcrError::NoToken { region: region() })?;
        Ok(Token {
            credentials: Credentials::Basic {
                username: username.to_owned(),
                password: Secret::new(password),
            },
            expires,
        })
    }

    /// Creates a repository unless it exists, and returns whether it did.
    ///
    /// It is looked for first, since the permission to see is more common than that to create.
    pub(crate) fn create_repository(&self, name: &str) -> Result<bool, EcrError> {
        let failed = |reason, unreachable, denied| EcrError::Create {
            repository: name.to_owned(),
            region: self.host.region.clone(),
            reason,
            unreachable,
            denied,
        };
        let describe = self
            .client
            .describe_repositories()
            .registry_id(&self.host.account)
            .repository_names(name)
            .send();
        match self.runtime.block_on(describe) {
            Ok(_) => return Ok(false),
            Err(SdkError::ServiceError(error))
                if error.err().is_repository_not_found_exception() => {}
            // Whoever may not look may not create either, and ECR may.
            Err(error) => {
                let (unreachable, denied) = (is_unreachable(&error), is_denied(&error));
                return Err(failed(reason(&error), unreachable, denied));
            }
        }
        let create = self.client.create_repository().repository_name(name).send();
        match self.runtime.block_on(create) {
            Ok(_) => Ok(true),
            // Someone was faster.
            Err(SdkError::ServiceError(error))
                if error.err().is_repository_already_exists_exception() =>
            {
                Ok(false)
            }
            Err(error) => {
                let (unreachable, denied) = (is_unreachable(&error), is_denied(&error));
                Err(failed(reason(&error), unreachable, denied))
            }
        }
    }
}

impl Token {
    fn is_valid(&self, now: Duration) -> bool {
        let least = i64::try_from((now + LEAST_VALID).as_secs()).unwrap_or(i64::MAX);
        self.expires.is_some_and(|expires| expires > least)
    }
}

impl EcrError {
    /// Whether the credentials may not create a repository.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Create { denied: true, .. })
    }

    /// Whether AWS could not be reached, so that nothing is known of the credentials.
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
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_shortly_before_it_expires() {
        let token = |expires| Token {
            credentials: Credentials::Anonymous,
            expires,
        };
        let now = Duration::from_secs(1_000_000);
        assert!(token(Some(1_000_901)).is_valid(now));
        assert!(!token(Some(1_000_900)).is_valid(now));
        assert!(!token(Some(1)).is_valid(now));
        assert!(!token(None).is_valid(now));
    }
}
