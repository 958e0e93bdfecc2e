//! Sends requests, retries them if that can help, and follows redirects.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use super::error::{GaveUp, OciError, Problem, RegistryError};
use super::location::{redact, resolve, same_host};
use super::rates::{Operation, Pacer};
use super::retry::{self, Retry};
use super::settings::Settings;
use super::transport::{Call, Failure, Response, Transport};

/// The most redirects: a storage service behind a registry needs one, a mirror in front of it another.
const REDIRECTS: u32 = 5;

/// The shortest timeout of a request, however little of the budget is left.
const LEAST: Duration = Duration::from_secs(1);

/// Sends requests to a registry and to its token server.
pub(super) struct Client {
    pub(super) settings: Settings,
    transport: Transport,
    outage: Outage,
    pacer: Pacer,
    base: Url,
}

/// How often, and since when, a request has been answered with 429.
#[derive(Default)]
struct Throttled {
    since: Option<Instant>,
    times: u32,
}

/// Since when no request has succeeded, if the last one failed.
#[derive(Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    fn begin(&self, at: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert(at);
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn time(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Client {
    /// A client of the registry whose API is at `base`.
    pub(super) fn new(settings: Settings, base: &Url) -> Result<Self, ureq::Error> {
        Ok(Self {
            transport: Transport::new(&settings)?,
            pacer: Pacer::new(&settings.rates, settings.retry.longest),
            settings,
            outage: Outage::default(),
            base: base.clone(),
        })
    }

    /// The operation of a request to the registry itself.
    fn operation(&self, call: &Call) -> Option<Operation> {
        let ours = same_host(&self.base, &call.url);
        ours.then(|| Operation::of(call.method, call.url.path()))
    }

    /// Sends a request with this header, without retries.
    pub(super) fn once(
        &self,
        call: &Call,
        authorization: Option<&str>,
    ) -> Result<Response, Failure> {
        let left = self
            .settings
            .retry
            .budget
            .saturating_sub(self.outage.time());
        self.transport.send(call, authorization, left.max(LEAST))
    }

    /// Sends a request with this header, with as many retries as the settings allow.
    pub(super) fn exchange(
        &self,
        call: &Call,
        authorization: Option<&str>,
    ) -> Result<Response, RegistryError> {
        let mut failed = 0;
        let operation = self.operation(call);
        let mut throttled = Throttled::default();
        loop {
            if let Some(operation) = operation {
                thread::sleep(self.pacer.reserve(operation, Instant::now()));
            }
            let started = Instant::now();
            let sent = self.once(call, authorization);
            let (retry_after, error) = match sent {
                Ok(response) if response.status == 429 && call.again => {
                    let retry_after = retry::retry_after(response.header("retry-after"));
                    let error = OciError::parse(&response.error_body());
                    let error = call.error(Problem::Status { status: 429, error });
                    self.throttle(&mut throttled, operation, retry_after, error)?;
                    continue;
                }
                Ok(response) if retry::is_transient(response.status) => {
                    let status = response.status;
                    let retry_after = retry::retry_after(response.header("retry-after"));
                    if let (429, Some(operation)) = (status, operation) {
                        let pause = retry_after.unwrap_or(self.settings.retry.first);
                        self.pacer.refused(operation, Instant::now(), pause);
                    }
                    let error = OciError::parse(&response.error_body());
                    (retry_after, call.error(Problem::Status { status, error }))
                }
                Ok(response) => {
                    self.outage.end();
                    if let Some(operation) = operation {
                        self.pacer.accepted(operation);
                    }
                    return Ok(response);
                }
                Err(Failure::Read(error)) => return Err(call.error(read_problem(error))),
                Err(Failure::Proxy(error)) => return Err(call.error(error.into())),
                Err(Failure::Transport(error)) => {
                    let transient = error.is_transient();
                    let error = call.error(Problem::Unreachable(error));
                    if !transient {
                        return Err(error);
                    }
                    (None, error)
                }
            };
            failed += 1;
            self.outage.begin(started);
            if !call.again {
                return Err(error);
            }
            self.pause(failed, retry_after, error)?;
        }
    }

    /// Waits after a 429, or returns the error if the budget is used up. A 429 does not count as a failed
    /// attempt: the registry responds, and many clients may have to wait for their turn.
    fn throttle(
        &self,
        throttled: &mut Throttled,
        operation: Option<Operation>,
        retry_after: Option<Duration>,
        mut error: RegistryError,
    ) -> Result<(), RegistryError> {
        let now = Instant::now();
        let since = *throttled.since.get_or_insert(now);
        throttled.times += 1;
        let waited = now.saturating_duration_since(since);
        let retry = Retry {
            attempts: u32::MAX,
            ..self.settings.retry
        };
        let Some(pause) = retry.pause(throttled.times, retry_after, waited) else {
            error.gave_up = Some(GaveUp {
                attempts: throttled.times,
                outage: waited,
            });
            return Err(error);
        };
        if let Some(on_retry) = &self.settings.on_retry {
            on_retry(&error.to_string(), &error.problem.to_string(), pause);
        }
        match operation {
            // The next request of every thread waits.
            Some(operation) => self.pacer.refused(operation, now, pause),
            None => thread::sleep(pause),
        }
        Ok(())
    }

    /// Waits until the next attempt, or returns the error if there is none left.
    pub(super) fn pause(
        &self,
        failed: u32,
        retry_after: Option<Duration>,
        mut error: RegistryError,
    ) -> Result<(), RegistryError> {
        let outage = self.outage.time();
        let Some(pause) = self.settings.retry.pause(failed, retry_after, outage) else {
            error.gave_up = Some(GaveUp {
                attempts: failed,
                outage,
            });
            return Err(error);
        };
        if let Some(on_retry) = &self.settings.on_retry {
            on_retry(&error.to_string(), &error.problem.to_string(), pause);
        }
        thread::sleep(pause);
        Ok(())
    }
}

/// Sends `call` with `send`, and follows redirects.
///
/// A request with a method other than GET and HEAD follows only 307 and 308, which keep its method and
/// body; the other redirects would turn it into a GET.
pub(super) fn follow<'a>(
    base: &Url,
    call: &Call<'a>,
    send: &dyn Fn(&Call<'a>) -> Result<Response, RegistryError>,
) -> Result<Response, RegistryError> {
    let mut call = call.clone();
    for _ in 0..=REDIRECTS {
        let response = send(&call)?;
        if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(response);
        }
        let location = response.header("location");
        let location = location.ok_or_else(|| call.error(Problem::Header { name: "Location" }))?;
        let next = resolve(&call.url, location).map_err(|problem| call.error(problem))?;
        // A redirect to another host and from there to a private address is refused too.
        resolve(base, next.as_str()).map_err(|problem| call.error(problem))?;
        let refuse = |why| {
            let target = redact(&next);
            Err(call.error(Problem::Redirect { target, why }))
        };
        let reads = matches!(call.method, "GET" | "HEAD");
        if !reads && !matches!(response.status, 307 | 308) {
            return refuse("such a redirect would turn the request into a GET");
        }
        if call.sensitive && !same_host(&call.url, &next) {
            return refuse("the request contains a credential, and this is another host");
        }
        call = call.at(next);
    }
    let target = redact(&call.url);
    let why = "it is one redirect too many";
    Err(call.error(Problem::Redirect { target, why }))
}

pub(super) fn read_problem(error: std::io::Error) -> Problem {
    match crate::Mismatch::of(&error) {
        Some(mismatch) => Problem::Mismatch(mismatch.clone()),
        None => Problem::Read(error),
    }
}

/// The response if its status is expected, or else the error that it stands for.
pub(super) fn expect(
    call: &Call,
    response: Response,
    expected: &[u16],
) -> Result<Response, RegistryError> {
    if expected.contains(&response.status) {
        return Ok(response);
    }
    let (status, call) = (response.status, call.at(response.url.clone()));
    let error = OciError::parse(&response.error_body());
    Err(call.error(Problem::Status { status, error }))
}
