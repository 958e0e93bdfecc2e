//! The result of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The number of failures kept with their details; all are counted.
const KEPT_FAILURES: usize = 100;
/// The highest latency recorded, in nanoseconds; the histogram saturates there.
const LONGEST_NANOS: u64 = 120_000_000_000;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the response was complete.
    Closed,
    /// The response was not complete within the timeout.
    TimedOut,
    /// A status other than 200.
    Status(u16),
    /// A body other than the expected one.
    Body,
    /// Bytes that are not an HTTP response.
    Malformed(&'static str),
    /// Another socket error.
    Socket(std::io::ErrorKind),
}

/// One failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why it failed.
    pub reason: Reason,
    /// When it failed, since the start of the load.
    pub at: Duration,
    /// How long the request was in flight.
    pub after: Duration,
    /// The connection had carried a request before.
    pub reused: bool,
}

/// Latencies, from when a request was due until its response was complete.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// The latency at a quantile between 0 and 1.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// The highest latency.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

/// The counts of a load.
#[derive(Clone, Debug)]
pub struct Report {
    /// Requests that got a complete response.
    pub ok: u64,
    /// Failed requests, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// The first failures, in chronological order.
    pub failures: Vec<Failure>,
    /// Requests that were due and never sent, because no connection became free before the load stopped.
    pub unsent: u64,
    /// Connections opened.
    pub connections: u64,
    /// Kept-alive connections that the server closed between requests.
    pub closed_idle: u64,
    /// Responses with `Connection: close` to a client that would have kept the connection.
    pub close_requested: u64,
    /// Latencies of the requests that got a response.
    pub latency: Latency,
    /// From the first request to the last response.
    pub elapsed: Duration,
}

impl Report {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST_NANOS, 3)
            .expect("1 µs to 120 s with three digits is a valid range");
        Self {
            ok: 0,
            failed: BTreeMap::new(),
            failures: Vec::new(),
            unsent: 0,
            connections: 0,
            closed_idle: 0,
            close_requested: 0,
            latency: Latency(histogram),
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn succeed(&mut self, latency: Duration) {
        self.ok += 1;
        self.latency
            .0
            .saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        *self.failed.entry(failure.reason).or_default() += 1;
        if self.failures.len() < KEPT_FAILURES {
            self.failures.push(failure);
        }
    }

    /// Requests that got no complete response.
    pub fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Requests sent.
    pub fn sent(&self) -> u64 {
        self.ok + self.failed()
    }

    /// Responses per second.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let ok = self.ok as f64;
        ok / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ok, {} failed, {} unsent in {:.1?} ({:.0}/s), {} connections ({} closed idle, {} by \
             Connection: close), p50 {:.2?} p99 {:.2?} max {:.2?}",
            self.ok,
            self.failed(),
            self.unsent,
            self.elapsed,
            self.rate(),
            self.connections,
            self.closed_idle,
            self.close_requested,
            self.latency.quantile(0.5),
            self.latency.quantile(0.99),
            self.latency.max(),
        )?;
        for (reason, count) in &self.failed {
            write!(f, "\n  {count} × {reason:?}")?;
        }
        for failure in self.failures.iter().take(10) {
            let Failure {
                reason,
                at,
                after,
                reused,
            } = failure;
            let kind = if *reused { "reused" } else { "new" };
            write!(
                f,
                "\n  at {at:.3?} after {after:.3?} on a {kind} connection: {reason:?}"
            )?;
        }
        Ok(())
    }
}
