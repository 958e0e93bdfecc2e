//! A repository in a registry: sends requests with the right credentials.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::authorization::{Authorization, Renewal};
use super::challenge;
use super::client::{Client, expect, follow};
use super::credentials::Secret;
use super::error::{OciError, Problem, RegistryError};
use super::location::same_host;
use super::settings::Settings;
use super::shared::Shared;
use super::target::Target;
use super::transport::{Call, Response};

/// How many challenges a request answers with credentials that were never accepted before they count as
/// refused.
const REFUSALS: u32 = 2;

/// How many challenges a request answers in total: a token may expire before it is used, because other
/// requests use it up.
const CHALLENGES: u32 = 32;

/// A repository in a registry, to pull from or to push to.
pub struct Repository {
    pub(super) target: Target,
    pub(super) shared: Arc<Shared>,
    pub(super) authorization: Authorization,
    /// The name as in the reference.
    pub(super) name: String,
    /// A repository of the same registry that has the blobs that are pushed.
    pub(super) mount_source: Option<String>,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// `HOST[:PORT]`, as in the reference.
    pub fn host(&self) -> &str {
        &self.target.host
    }

    pub(super) fn base(&self) -> &Url {
        &self.target.base
    }

    pub(super) fn client(&self) -> &Client {
        &self.shared.client
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.client.settings
    }

    /// A URL below the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        self.target.url(path)
    }

    /// Sends a request and follows redirects. Only requests to the registry itself have credentials.
    /// A 401 of the registry, and responses that remain transient after all retries, are errors.
    pub(super) fn call<'a>(&self, call: &Call<'a>) -> Result<Response, RegistryError> {
        follow(self.base(), call, &|step: &Call<'a>| self.authorized(step))
    }

    fn authorized(&self, call: &Call) -> Result<Response, RegistryError> {
        let ours = same_host(self.base(), &call.url);
        let (mut challenges, mut refusals) = (0, 0);
        if ours {
            self.anticipate();
        }
        loop {
            let used = self.authorization.current();
            let header = used.header.as_ref().filter(|_| ours);
            let response = self.client().exchange(call, header.map(Secret::reveal))?;
            if !ours {
                return Ok(response);
            }
            if response.status != 401 {
                self.authorization.accept(&used);
                return Ok(response);
            }
            let was_good = self.authorization.was_good(&used);
            let asked = challenge::parse(response.headers("www-authenticate"));
            if refusals == REFUSALS || challenges == CHALLENGES {
                let error = OciError::parse(&response.error_body());
                let error = error.or_else(|| self.reason(call, 401));
                let anonymous = used.anonymous;
                return Err(call.error(Problem::Unauthorized { anonymous, error }));
            }
            challenges += 1;
            refusals += u32::from(!was_good);
            let asked = asked.ok_or_else(|| call.error(Problem::Challenge))?;
            self.authorization
                .renew(&self.shared, &self.target, &used, &asked)
                .map_err(|renewal| match renewal {
                    Renewal::Problem(problem) => call.error(problem),
                    Renewal::Token(error) => error,
                })?;
        }
    }

    /// Obtains a header before the registry sends a challenge, if it sent one for another repository. An error
    /// is ignored here: it recurs when the registry sends the challenge.
    fn anticipate(&self) {
        let used = self.authorization.current();
        if used.header.is_none()
            && let Some(challenge) = self.shared.challenge()
        {
            let target = &self.target;
            let _ = self
                .authorization
                .renew(&self.shared, target, &used, &challenge);
        }
    }

    /// As [`expect`]. The response to a HEAD has no body, so the reason of a refusal is requested by a
    /// GET.
    pub(super) fn expect(
        &self,
        call: &Call,
        response: Response,
        expected: &[u16],
    ) -> Result<Response, RegistryError> {
        let ours = same_host(self.base(), &response.url);
        expect(call, response, expected).map_err(|mut error| {
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

    /// The reason of a HEAD response with `status`, from a GET with the same status.
    fn reason(&self, call: &Call, status: u16) -> Option<OciError> {
        if call.method != "HEAD" || !(400..500).contains(&status) {
            return None;
        }
        let mut get = Call::new("GET", call.url.clone());
        get.headers.clone_from(&call.headers);
        let used = self.authorization.current();
        let header = used.header.as_ref().map(Secret::reveal);
        let response = self.client().once(&get, header).ok()?;
        if response.status != status {
            return None;
        }
        OciError::parse(&response.error_body())
    }
}
