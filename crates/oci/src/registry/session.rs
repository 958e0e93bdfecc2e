//! A repository in a registry: requests with the right credentials, tried again where that helps.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use url::Url;

use super::authorization::{Authorization, Renewal};
use super::credentials::{Keychain, Secret};
use super::location::{is_loopback, redact, same_host};
use super::push::ChunkLimit;
use super::transport::{Answer, Call, Failure, Transport};
use super::{OciError, Problem, RegistryError, Retry, TransportError, challenge, retry};
use crate::Reference;

/// How often a request is shown a new challenge before the credentials are taken to be refused.
const CHALLENGES: u32 = 2;

/// Is told that a request failed and will be tried again: what, why, and after which pause.
pub type OnRetry = Arc<dyn Fn(&str, &str, Duration) + Send + Sync>;

/// How a registry is talked to.
#[derive(Clone)]
pub struct Settings {
    /// `PRODUCT/VERSION` of the program, for the registry's logs.
    pub user_agent: String,
    /// Without TLS, though the registry is not on this machine.
    pub insecure: bool,
    /// Certificate authorities to trust besides Mozilla's, as PEM.
    pub extra_roots: Vec<u8>,
    /// How often and how patiently a request is tried again.
    pub retry: Retry,
    /// Who is told of that.
    pub on_retry: Option<OnRetry>,
    /// The largest blob whose first attempt is one request; larger ones are sent in chunks from the
    /// start.
    pub monolithic_bytes: u64,
    /// The size of a chunk. Amazon ECR takes parts from 5 to 10 MiB.
    pub chunk_bytes: u64,
    /// What is known of the chunks that the registry accepts; clones of the settings share it.
    pub chunk_limit: ChunkLimit,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("oci/", env!("CARGO_PKG_VERSION")).to_owned(),
            insecure: false,
            extra_roots: Vec::new(),
            retry: Retry::default(),
            on_retry: None,
            monolithic_bytes: u64::MAX,
            chunk_bytes: 8 * 1024 * 1024,
            chunk_limit: ChunkLimit::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("insecure", &self.insecure)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// What is done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A repository in a registry, to pull from or to push to.
pub struct Repository {
    base: Url,
    host: String,
    name: String,
    access: Access,
    settings: Settings,
    keychain: Arc<dyn Keychain>,
    transport: Transport,
    authorization: Authorization,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("base", &self.base.as_str())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// A repository to pull from. Nothing is sent yet.
    ///
    /// # Errors
    /// When `reference` names no registry, or the settings' certificates are none.
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

    fn new(
        reference: &Reference,
        access: Access,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        let host = reference.registry().unwrap_or("docker.io").to_owned();
        // Docker Hub's name is not its address.
        let address = if host == "docker.io" {
            "registry-1.docker.io"
        } else {
            &host
        };
        // A registry on this machine has TLS only where someone gave it certificates.
        let plain = settings.insecure || (is_loopback(&host) && settings.extra_roots.is_empty());
        let url = format!("{}://{address}/v2/", if plain { "http" } else { "https" });
        let error = |problem| RegistryError {
            method: "GET",
            url: url.clone(),
            problem: Box::new(Problem::Unreachable(TransportError::from(problem))),
        };
        let base = Url::parse(&url).map_err(|_| error(ureq::Error::BadUri(host.clone())))?;
        // No proxy knows a registry on this machine.
        let transport = Transport::new(
            &settings.user_agent,
            &settings.extra_roots,
            is_loopback(&host),
        )
        .map_err(error)?;
        let (name, authorization) = (reference.repository().to_owned(), Authorization::default());
        Ok(Self {
            base,
            host,
            name,
            access,
            settings,
            keychain,
            transport,
            authorization,
        })
    }

    /// `HOST[:PORT]`, as in the reference.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn keychain(&self) -> &dyn Keychain {
        &*self.keychain
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The program's name to a token server.
    pub(super) fn client_id(&self) -> &str {
        let agent = &self.settings.user_agent;
        agent.split_once('/').map_or(agent, |(product, _)| product)
    }

    /// What a token is for, without what it allows.
    pub(super) fn scope_resource(&self) -> String {
        let name = match self.host.as_str() {
            "docker.io" if !self.name.contains('/') => format!("library/{}", self.name),
            _ => self.name.clone(),
        };
        format!("repository:{name}:")
    }

    /// What a token must allow.
    pub(super) fn scope(&self) -> String {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        format!("{}{actions}", self.scope_resource())
    }

    /// A URL below the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let resource = self.scope_resource();
        let name = resource
            .trim_start_matches("repository:")
            .trim_end_matches(':');
        url.set_path(&format!("/v2/{name}/{path}"));
        url
    }

    /// Sends a request, with credentials where it goes to the registry itself, and returns the
    /// answer unless it is a 401 or one that passes.
    pub(super) fn call(&self, call: &Call) -> Result<Answer, RegistryError> {
        let ours = same_host(&self.base, &call.url);
        let mut challenges = 0;
        loop {
            let used = self.authorization.current();
            let header = used.header.as_ref().filter(|_| ours);
            let answer = self.exchange(call, header)?;
            if answer.status != 401 || !ours {
                return Ok(answer);
            }
            let asked = challenge::parse(answer.headers("www-authenticate"));
            if challenges == CHALLENGES {
                let error = OciError::parse(&answer.error_body());
                let error = error.or_else(|| self.reason(call, 401));
                let anonymous = used.anonymous;
                return Err(call.error(Problem::Unauthorized { anonymous, error }));
            }
            challenges += 1;
            let asked = asked.ok_or_else(|| call.error(Problem::Challenge))?;
            self.authorization
                .renew(self, &used, &asked)
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
        expect(call, answer, expected).map_err(|mut error| {
            if let Problem::Status {
                status,
                error: reason @ None,
            } = &mut *error.problem
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
        let answer = self.transport.send(&get, header).ok()?;
        if answer.status != status {
            return None;
        }
        OciError::parse(&answer.error_body())
    }

    /// Sends a request with this header, as often as the settings allow.
    pub(super) fn exchange(
        &self,
        call: &Call,
        authorization: Option<&Secret>,
    ) -> Result<Answer, RegistryError> {
        let mut failed = 0;
        loop {
            let sent = self.transport.send(call, authorization.map(Secret::reveal));
            failed += 1;
            let (wish, error) = match sent {
                Ok(answer) if retry::passes(answer.status) => {
                    let (wish, status) = (retry::wish(answer.header("retry-after")), answer.status);
                    let error = OciError::parse(&answer.error_body());
                    (wish, call.error(Problem::Status { status, error }))
                }
                Ok(answer) => return Ok(answer),
                Err(Failure::Read(error)) => return Err(call.error(read_problem(error))),
                Err(Failure::Transport(error)) => {
                    let error = TransportError::from(error);
                    let transient = error.is_transient();
                    let error = call.error(Problem::Unreachable(error));
                    if !transient {
                        return Err(error);
                    }
                    (None, error)
                }
            };
            if !call.again {
                return Err(error);
            }
            self.pause(failed, wish, error)?;
        }
    }

    /// Waits until the next attempt; the error it waits out comes back when there is none.
    pub(super) fn pause(
        &self,
        failed: u32,
        wish: Option<Duration>,
        error: RegistryError,
    ) -> Result<(), RegistryError> {
        let Some(pause) = self.settings.retry.pause(failed, wish) else {
            return Err(error);
        };
        if let Some(told) = &self.settings.on_retry {
            told(&error.to_string(), &error.problem.to_string(), pause);
        }
        thread::sleep(pause);
        Ok(())
    }
}

fn read_problem(error: std::io::Error) -> Problem {
    match crate::Mismatch::of(&error) {
        Some(mismatch) => Problem::Mismatch(mismatch.clone()),
        None => Problem::Read(error),
    }
}

/// The answer, if its status is one of those expected.
pub(super) fn expect(
    call: &Call,
    answer: Answer,
    expected: &[u16],
) -> Result<Answer, RegistryError> {
    if expected.contains(&answer.status) {
        return Ok(answer);
    }
    let (status, url) = (answer.status, redact(&answer.url));
    let error = OciError::parse(&answer.error_body());
    let problem = Box::new(Problem::Status { status, error });
    Err(RegistryError {
        method: call.method,
        url,
        problem,
    })
}
