//! Amazon ECR by the AWS SDK: its host names, credential chain, tokens and repositories.
//!
//! The region is the registry's, even where the environment names another. `AWS_ENDPOINT_URL_ECR` and
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

/// AWS's API for a registry of ECR.
#[cfg(feature = "ecr")]
pub(crate) enum Ecr {
    /// The registry of an account in a region.
    Private(Box<private::PrivateEcr>),
    /// `public.ecr.aws`.
    Public(Box<public::PublicEcr>),
}

#[cfg(feature = "ecr")]
impl Ecr {
    /// The API for `registry` (`HOST[:PORT]`), if that is in ECR.
    pub(crate) fn of(registry: &str, settings: &Settings) -> Result<Option<Self>, EcrError> {
        if let Some(host) = EcrHost::parse(registry) {
            let ecr = private::PrivateEcr::new(host, settings)?;
            return Ok(Some(Self::Private(Box::new(ecr))));
        }
        if is_public(registry) {
            let ecr = public::PublicEcr::new(settings)?;
            return Ok(Some(Self::Public(Box::new(ecr))));
        }
        Ok(None)
    }

    /// Whether this access needs credentials of AWS. Reading ECR Public does not, and looking for some
    /// can take seconds on a machine that has none.
    pub(super) fn authenticates(&self, access: Access) -> bool {
        matches!(self, Self::Private(_)) || access != Access::Pull
    }

    /// A name and password that are valid for 12 hours: the last ones until shortly before they
    /// expire. `now` is the time since 1970.
    pub(super) fn credentials(&self, now: Duration) -> Result<Credentials, EcrError> {
        match self {
            Self::Private(ecr) => ecr.credentials(now),
            Self::Public(ecr) => ecr.credentials(now),
        }
    }

    /// Forgets the token, which the registry refused.
    pub(super) fn refused(&self) {
        match self {
            Self::Private(ecr) => ecr.refused(),
            Self::Public(ecr) => ecr.refused(),
        }
    }

    /// Creates a repository unless it exists, and returns whether it did. Not in ECR Public, where the
    /// command line refuses it.
    pub(super) fn create_repository(&self, name: &str) -> Result<bool, EcrError> {
        match self {
            Self::Private(ecr) => ecr.create_repository(name),
            Self::Public(_) => Ok(false),
        }
    }
}
