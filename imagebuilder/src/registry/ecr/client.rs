//! A registry of ECR, private or public.

use std::time::Duration;

use oci::registry::{Access, Credentials, Settings};

use super::error::EcrError;
use super::host::{EcrHost, is_public};
use super::private::PrivateEcr;
use super::public::PublicEcr;
use super::token::TokenCache;

/// A registry of ECR, with its last token.
pub(in crate::registry) struct Ecr {
    api: Api,
    token: TokenCache,
}

/// AWS's API for it.
enum Api {
    /// The registry of an account in a region.
    Private(Box<PrivateEcr>),
    /// `public.ecr.aws`.
    Public(Box<PublicEcr>),
}

impl Ecr {
    /// The API for `registry` (`HOST[:PORT]`), if that is in ECR.
    pub(in crate::registry) fn of(
        registry: &str,
        settings: &Settings,
    ) -> Result<Option<Self>, EcrError> {
        let api = if let Some(host) = EcrHost::parse(registry) {
            Api::Private(Box::new(PrivateEcr::new(host, settings)?))
        } else if is_public(registry) {
            Api::Public(Box::new(PublicEcr::new(settings)?))
        } else {
            return Ok(None);
        };
        let token = TokenCache::default();
        Ok(Some(Self { api, token }))
    }

    /// Whether this access needs AWS credentials. Reading ECR Public does not, and searching for them can take
    /// seconds on a machine without any.
    pub(in crate::registry) fn authenticates(&self, access: Access) -> bool {
        matches!(self.api, Api::Private(_)) || access != Access::Pull
    }

    /// A name and password, cached until shortly before they expire. `now` is the time since 1970.
    pub(in crate::registry) fn credentials(&self, now: Duration) -> Result<Credentials, EcrError> {
        self.token.credentials(now, || match &self.api {
            Api::Private(ecr) => ecr.token(),
            Api::Public(ecr) => ecr.token(),
        })
    }

    /// Discards the token, which the registry refused.
    pub(in crate::registry) fn refused(&self) {
        self.token.forget();
    }

    /// Creates a repository unless it exists, and returns whether it did. It is not called for ECR Public:
    /// the command line refuses that.
    pub(in crate::registry) fn create_repository(&self, name: &str) -> Result<bool, EcrError> {
        match &self.api {
            Api::Private(ecr) => ecr.create_repository(name),
            Api::Public(_) => Ok(false),
        }
    }
}
