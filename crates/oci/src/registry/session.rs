//! A repository in a registry: requests with the right credentials.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::authorization::{Authorization, Renewal};
use super::challenge;
use super::client::{Client, expect, follow};
use super::credentials::{Keychain, Secret};
use super::error::{OciError, Problem, RegistryError};
use super::location::same_host;
use super::settings::{Access, Settings};
use super::target::Target;
use super::transport::{Answer, Call};
use super::transport_error::TransportError;
use crate::Reference;

/// How many challenges to credentials that were never accepted a request answers, before they are
/// taken to be refused.
const REFUSALS: u32 = 2;

/// How many challenges a request answers in all: tokens may end while others use them up.
const CHALLENGES: u32 = 32;

/// A repository in a registry, to pull from or to push to.
pub struct Repository {
    pub(super) target: Target,
    pub(super) client: Client,
    keychain: Arc<dyn Keychain>,
    authorization: Authorization,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// A repository to pull from. Nothing is sent yet.
    ///
    /// # Errors
    /// When `reference` names no registry, or the settings' certificates are invalid.
    pub fn pull(
        reference: &Reference,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        Self::new(reference, Access::Pull, settings, keychain)
    }

    /// A repository to push to. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`Repository::pull`].
    pub fn push(
        reference: &Reference,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        Self::new(reference, Access::Push, settings, keychain)
    }

    /// A repository for `access`. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`Repository::pull`].
    pub fn new(
        reference: &Reference,
        access: Access,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        let target = Target::new(reference, access, &settings)?;
        let client = Client::new(settings).map_err(|error| {
            let call = Call::new("GET", target.base.clone());
            call.error(Problem::Unreachable(TransportError::from(error)))
        })?;
        Ok(Self {
            target,
            client,
            keychain,
            authorization: Authorization::default(),
        })
    }

    /// `HOST[:PORT]`, as in the reference.
    pub fn host(&self) -> &str {
        &self.target.host
    }

    pub(super) fn base(&self) -> &Url {
        &self.target.base
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.client.settings
    }

    /// A URL below the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        self.target.url(path)
    }

    /// Sends a request and follows redirects, with credentials where it goes to the registry itself.
    /// Returns the answer unless it is a 401 of the registry, or one that a retry may change.
    pub(super) fn call<'a>(&self, call: &Call<'a>) -> Result<Answer, RegistryError> {
        follow(self.base(), call, &|step: &Call<'a>| self.authorized(step))
    }

    fn authorized(&self, call: &Call) -> Result<Answer, RegistryError> {
        let ours = same_host(self.base(), &call.url);
        let (mut challenges, mut refusals) = (0, 0);
        loop {
            let used = self.authorization.current();
            let header = used.header.as_ref().filter(|_| ours);
            let answer = self.client.exchange(call, header.map(Secret::reveal))?;
            if !ours {
                return Ok(answer);
            }
            if answer.status != 401 {
                self.authorization.accept(&used);
                return Ok(answer);
            }
            let was_good = self.authorization.was_good(&used);
            let asked = challenge::parse(answer.headers("www-authenticate"));
            if refusals == REFUSALS || challenges == CHALLENGES {
                let error = OciError::parse(&answer.error_body());
                let error = error.or_else(|| self.reason(call, 401));
                let anonymous = used.anonymous;
                return Err(call.error(Problem::Unauthorized { anonymous, error }));
            }
            challenges += 1;
            refusals += u32::from(!was_good);
            let asked = asked.ok_or_else(|| call.error(Problem::Challenge))?;
            let keychain = &*self.keychain;
            self.authorization
                .renew(&self.client, &self.target, keychain, &used, &asked)
                .map_err(|renewal| match renewal {
                    Renewal::Problem(problem) => call.error(problem),
                    Renewal::Token(error) => error,
                })?;
        }
    }

    /// As [`expect`]. The answer to a HEAD has no body, so the reason of a refusal is requested by a
    /// GET.
    pub(super) fn expect(
        &self,
        call: &Call,
        answer: Answer,
        expected: &[u16],
    ) -> Result<Answer, RegistryError> {
        let ours = same_host(self.base(), &answer.url);
        expect(call, answer, expected).map_err(|mut error| {
            if let Problem::Status {
                status,
                error: reason @ None,
            } = &mut *error.problem
                && ours
            {
                *reason = self.reason(call, *status);
            }
            error
        })
    }

    /// Why a HEAD was answered with `status`, where a GET is answered the same.
    fn reason(&self, call: &Call, status: u16) -> Option<OciError> {
        if call.method != "HEAD" || !(400..500).contains(&status) {
            return None;
        }
        let mut get = Call::new("GET", call.url.clone());
        get.headers.clone_from(&call.headers);
        let used = self.authorization.current();
        let header = used.header.as_ref().map(Secret::reveal);
        let answer = self.client.once(&get, header).ok()?;
        if answer.status != status {
            return None;
        }
        OciError::parse(&answer.error_body())
    }
}
