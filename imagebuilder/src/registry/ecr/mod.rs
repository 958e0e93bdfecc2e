//! Amazon ECR with the AWS SDK: its host names, credential chain, tokens and repositories.
//!
//! The region is the registry's, even if the environment names another. `AWS_ENDPOINT_URL_ECR` and
//! the other settings of the SDK have their usual effect.

#[cfg(feature = "ecr")]
mod error;
mod host;
#[cfg(feature = "ecr")]
mod http;
#[cfg(feature = "ecr")]
mod private;
#[cfg(feature = "ecr")]
mod public;
#[cfg(feature = "ecr")]
mod sdk;
#[cfg(feature = "ecr")]
mod token;

#[cfg(feature = "ecr")]
use std::time::Duration;

#[cfg(feature = "ecr")]
use oci::registry::{Access, Credentials, Settings};

#[cfg(feature = "ecr")]
pub(crate) use error::EcrError;
pub(crate) use host::{AMAZON_RATES, EcrHost, is_public};
#[cfg(feature = "ecr")]
pub(crate) use http::HttpError;

/// A registry of ECR, with its last token.
#[cfg(feature = "ecr")]
pub(crate) struct Ecr {
    api: Api,
    token: token::TokenCache,
}

/// AWS's API for it.
#[cfg(feature = "ecr")]
enum Api {
    /// The registry of an account in a region.
    Private(Box<private::PrivateEcr>),
    /// `public.ecr.aws`.
    Public(Box<public::PublicEcr>),
}

#[cfg(feature = "ecr")]
impl Ecr {
    /// The API for `registry` (`HOST[:PORT]`), if that is in ECR.
    pub(crate) fn of(registry: &str, settings: &Settings) -> Result<Option<Self>, EcrError> {
        let api = if let Some(host) = EcrHost::parse(registry) {
            Api::Private(Box::new(private::PrivateEcr::new(host, settings)?))
        } else if is_public(registry) {
            Api::Public(Box::new(public::PublicEcr::new(settings)?))
        } else {
            return Ok(None);
        };
        let token = token::TokenCache::default();
        Ok(Some(Self { api, token }))
    }

    /// Whether this access needs AWS credentials. Reading ECR Public does not, and searching for them can take
    /// seconds on a machine without any.
    pub(super) fn authenticates(&self, access: Access) -> bool {
        matches!(self.api, Api::Private(_)) || access != Access::Pull
    }

    /// A name and password, cached until shortly before they expire. `now` is the time since 1970.
    pub(super) fn credentials(&self, now: Duration) -> Result<Credentials, EcrError> {
        self.token.credentials(now, || match &self.api {
            Api::Private(ecr) => ecr.token(),
            Api::Public(ecr) => ecr.token(),
        })
    }

    /// Discards the token, which the registry refused.
    pub(super) fn refused(&self) {
        self.token.forget();
    }

    /// Creates a repository unless it exists, and returns whether it did. It is not called for ECR Public:
    /// the command line refuses that.
    pub(super) fn create_repository(&self, name: &str) -> Result<bool, EcrError> {
        match &self.api {
            Api::Private(ecr) => ecr.create_repository(name),
            Api::Public(_) => Ok(false),
        }
    }
}
