//! Paces requests, so that a registry does not have to refuse them.
//!
//! Registries limit the rate of each operation separately: Amazon ECR accepts 10 manifests a second, and a
//! hundred times as many checks for blobs. Known limits are respected from the start; others are learned
//! from responses with 429. A learned limit applies to all threads, so that they do not retry all at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The share of a known rate that is used: requests do not arrive as evenly as they are sent.
const USED: f64 = 0.98;

/// The share of a second's requests that may be sent at once. A registry allows all of them, but requests
/// that the network delays arrive together with later ones.
const BURST: f64 = 0.8;

/// What remains of a rate after a 429.
const DECREASE: f64 = 0.7;

/// What a learned rate becomes after a request that was not refused.
const INCREASE: f64 = 1.02;

/// A learned rate above this, in requests per second, is dropped.
const UNLIMITED: f64 = 1000.0;

/// How many requests per second a registry allows; `None` if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Manifests that are stored.
    pub put_manifest: Option<f64>,
    /// Uploads that are started.
    pub start_upload: Option<f64>,
    /// Chunks that are sent.
    pub send_chunk: Option<f64>,
    /// Uploads that are completed.
    pub complete_upload: Option<f64>,
    /// Checks whether a blob exists.
    pub check_blob: Option<f64>,
    /// Manifests that are read or looked up.
    pub read_manifest: Option<f64>,
}

/// The operations whose rates are limited separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    PutManifest,
    StartUpload,
    SendChunk,
    CompleteUpload,
    CheckBlob,
    ReadManifest,
    Other,
}

impl Operation {
    const COUNT: usize = 7;

    /// The operation of a request to a registry.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let (uploads, manifests) = ("/blobs/uploads/", "/manifests/");
        match method {
            "PUT" if path.contains(manifests) => Self::PutManifest,
            "HEAD" | "GET" if path.contains(manifests) => Self::ReadManifest,
            "POST" if path.contains(uploads) => Self::StartUpload,
            "PATCH" => Self::SendChunk,
            "PUT" => Self::CompleteUpload,
            "HEAD" if path.contains("/blobs/") => Self::CheckBlob,
            _ => Self::Other,
        }
    }

    fn known(self, rates: &Rates) -> Option<f64> {
        match self {
            Self::PutManifest => rates.put_manifest,
            Self::StartUpload => rates.start_upload,
            Self::SendChunk => rates.send_chunk,
            Self::CompleteUpload => rates.complete_upload,
            Self::CheckBlob => rates.check_blob,
            Self::ReadManifest => rates.read_manifest,
            Self::Other => None,
        }
    }
}

/// When the next request of each operation may be sent.
#[derive(Debug)]
pub(super) struct Pacer {
    paces: [Mutex<Pace>; Operation::COUNT],
    /// The slowest rate that is learned, in requests per second.
    slowest: f64,
}

/// The pace of an operation, by the
/// [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
#[derive(Debug)]
struct Pace {
    known: Option<f64>,
    /// Requests per second; `None` if no limit is known.
    rate: Option<f64>,
    /// When the next request would be due if all were sent evenly.
    due: Option<Instant>,
    /// No request before this.
    not_before: Option<Instant>,
    /// The current second: its start, its number of requests, and the number in the second before.
    window: Option<(Instant, u32, u32)>,
}

impl Pacer {
    /// Respects `rates`. Learned rates are not slower than one request in `longest`.
    pub(super) fn new(rates: &Rates, longest: Duration) -> Self {
        let all = [
            Operation::PutManifest,
            Operation::StartUpload,
            Operation::SendChunk,
            Operation::CompleteUpload,
            Operation::CheckBlob,
            Operation::ReadManifest,
            Operation::Other,
        ];
        Self {
            paces: all.map(|operation| {
                let known = operation.known(rates).map(|rate| rate * USED);
                Mutex::new(Pace::new(known))
            }),
            slowest: 1.0 / longest.as_secs_f64().max(0.001),
        }
    }

    /// Reserves a slot for a request, and returns how long to wait for it.
    pub(super) fn reserve(&self, operation: Operation, now: Instant) -> Duration {
        self.pace(operation).reserve(now)
    }

    /// A request was not refused for its rate.
    pub(super) fn accepted(&self, operation: Operation) {
        self.pace(operation).accepted();
    }

    /// A request was answered with 429: the next one is not sent before `pause` has passed.
    pub(super) fn refused(&self, operation: Operation, now: Instant, pause: Duration) {
        self.pace(operation).refused(now, pause, self.slowest);
    }

    fn pace(&self, operation: Operation) -> std::sync::MutexGuard<'_, Pace> {
        let pace = &self.paces[operation as usize];
        pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn new(known: Option<f64>) -> Self {
        Self {
            known,
            rate: known,
            due: None,
            not_before: None,
            window: None,
        }
    }

    fn reserve(&mut self, now: Instant) -> Duration {
        let mut at = now;
        if let Some(rate) = self.rate {
            let interval = Duration::from_secs_f64(1.0 / rate);
            let ahead = Duration::from_secs_f64(((self.burst(rate) - 1.0) / rate).max(0.0));
            let due = self.due.unwrap_or(now).max(now);
            at = due.checked_sub(ahead).map_or(now, |early| early.max(now));
            self.due = Some(due + interval);
        }
        if let Some(not_before) = self.not_before {
            at = at.max(not_before);
        }
        self.count(at);
        at.saturating_duration_since(now)
    }

    /// A learned rate has no burst: how the registry counts is unknown.
    fn burst(&self, rate: f64) -> f64 {
        match self.known {
            Some(known) if rate >= known => (known / USED * BURST).round().max(1.0),
            _ => 1.0,
        }
    }

    fn count(&mut self, at: Instant) {
        const SECOND: Duration = Duration::from_secs(1);
        self.window = Some(match self.window {
            Some((since, now, before)) if at < since + SECOND => (since, now + 1, before),
            Some((since, now, _)) if at < since + 2 * SECOND => (since + SECOND, 1, now),
            _ => (at, 1, 0),
        });
    }

    fn accepted(&mut self) {
        let Some(rate) = self.rate else {
            return;
        };
        let next = rate * INCREASE;
        self.rate = match self.known {
            Some(known) => Some(next.min(known)),
            None if next > UNLIMITED => None,
            None => Some(next),
        };
    }

    fn refused(&mut self, now: Instant, pause: Duration, slowest: f64) {
        let until = now + pause;
        // If several requests were refused together, only the first one changes the pace.
        let first = self.not_before.is_none_or(|at| at <= now);
        self.not_before = Some(self.not_before.map_or(until, |at| at.max(until)));
        if !first {
            return;
        }
        let seen = self
            .window
            .map_or(1.0, |(_, now, before)| f64::from(now.max(before)));
        let rate = self.rate.map_or(seen, |rate| rate.min(seen.max(slowest)));
        self.rate = Some((rate * DECREASE).max(slowest));
        self.due = Some(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pacer(put_manifest: Option<f64>) -> Pacer {
        let rates = Rates {
            put_manifest,
            ..Rates::default()
        };
        Pacer::new(&rates, 20 * SECOND)
    }

    /// When each of `count` requests is sent if all are made at once.
    fn times(pacer: &Pacer, now: Instant, count: usize) -> Vec<Duration> {
        let reserve = |_| pacer.reserve(Operation::PutManifest, now);
        (0..count).map(reserve).collect()
    }

    /// A registry that accepts `rate` requests at once, and then as many per second.
    fn assert_accepted(times: &[Duration], rate: f64) {
        let (mut tokens, mut last) = (rate, Duration::ZERO);
        for time in times {
            tokens = (tokens + time.saturating_sub(last).as_secs_f64() * rate).min(rate) - 1.0;
            last = *time;
            assert!(tokens >= 0.0, "{times:?}");
        }
    }

    #[test]
    fn a_known_rate_is_kept_and_used() {
        let pacer = pacer(Some(10.0));
        let times = times(&pacer, Instant::now(), 100);
        assert_accepted(&times, 10.0);
        let allowed = Duration::from_secs(9);
        assert!(times[99] <= allowed.mul_f64(1.1), "{:?}", times[99]);
        assert!(times[7] < SECOND / 1000, "some may be sent at once");
    }

    #[test]
    fn operations_are_limited_separately() {
        let pacer = pacer(Some(1.0));
        let now = Instant::now();
        assert_eq!(times(&pacer, now, 2)[0], Duration::ZERO);
        for _ in 0..1000 {
            assert_eq!(pacer.reserve(Operation::CheckBlob, now), Duration::ZERO);
        }
    }

    #[test]
    fn a_rate_is_learned_and_forgotten() {
        let pacer = pacer(None);
        let now = Instant::now();
        assert_eq!(times(&pacer, now, 50)[49], Duration::ZERO);
        for _ in 0..10 {
            pacer.refused(Operation::PutManifest, now, SECOND);
        }
        let waits = times(&pacer, now, 36);
        assert!(waits[0] >= SECOND, "{waits:?}");
        // 50 were too many in a second: 35 are tried.
        assert!(
            waits[35] >= 2 * SECOND && waits[35] < 3 * SECOND,
            "{waits:?}"
        );
        for _ in 0..1000 {
            pacer.accepted(Operation::PutManifest);
        }
        let later = now + 60 * SECOND;
        assert_eq!(times(&pacer, later, 100)[99], Duration::ZERO);
    }

    #[test]
    fn a_known_rate_that_was_exceeded_recovers() {
        let pacer = pacer(Some(10.0));
        let now = Instant::now();
        times(&pacer, now, 8);
        pacer.refused(Operation::PutManifest, now, SECOND);
        let slower = times(&pacer, now, 10);
        assert!(slower[9] > 2 * SECOND, "{slower:?}");
        for _ in 0..100 {
            pacer.accepted(Operation::PutManifest);
        }
        let later = now + 60 * SECOND;
        assert!(times(&pacer, later, 8)[7] < SECOND / 1000);
    }

    #[test]
    fn requests_are_classified_by_operation() {
        let check = |method, path: &str, expected| {
            let path = format!("/v2/team/app/{path}");
            assert_eq!(Operation::of(method, &path), expected, "{method} {path}");
        };
        check("PUT", "manifests/v1", Operation::PutManifest);
        check("HEAD", "manifests/v1", Operation::ReadManifest);
        check("POST", "blobs/uploads/", Operation::StartUpload);
        check("PATCH", "blobs/uploads/1", Operation::SendChunk);
        check("PUT", "blobs/uploads/1", Operation::CompleteUpload);
        check("HEAD", "blobs/sha256:0", Operation::CheckBlob);
        check("GET", "blobs/sha256:0", Operation::Other);
    }
}
