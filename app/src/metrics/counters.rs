//! The counters of one worker. Only the worker writes, so an increment is a load and a store; a scrape
//! reads from another thread, so both are atomic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::routes::Route;

/// A number that one thread changes and any may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        let value = self.0.load(Ordering::Relaxed).wrapping_add(count);
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, count: u64) {
        let value = self.0.load(Ordering::Relaxed).wrapping_sub(count);
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The methods that are distinguished; the last one stands for all others, so that a client cannot
/// create series.
pub(crate) const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "other"];

/// The column of `GET`.
pub(crate) const METHOD_GET: u8 = 0;

/// The column of `HEAD`.
pub(crate) const METHOD_HEAD: u8 = 1;

/// The statuses that are distinguished; 0 is a request that was cut, and the last one stands for
/// all others.
pub(crate) const STATUSES: [u16; 16] = [
    200, 0, 204, 400, 404, 405, 408, 413, 415, 417, 429, 431, 500, 503, 504, 999,
];

/// Upper bounds of the latency histogram, in microseconds.
pub(crate) const BOUNDS_MICROS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

/// The close reasons, with their labels.
pub(crate) const ENDS: [(CloseReason, &str); 10] = [
    (CloseReason::FirstHead, "first_head"),
    (CloseReason::NextHead, "next_head"),
    (CloseReason::Body, "body"),
    (CloseReason::Answer, "answer"),
    (CloseReason::Idle, "idle"),
    (CloseReason::Cut, "drain_deadline"),
    (CloseReason::Abort, "fault"),
    (CloseReason::HeadTooLarge, "head_too_large"),
    (CloseReason::Framing, "framing"),
    (CloseReason::Memory, "memory"),
];

/// The statuses of responses that no handler writes.
pub(crate) const EARLY_STATUSES: [u16; 5] = [400, 408, 431, 501, 503];

/// Durations by bucket.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One more than bounds: the last has none.
    pub(crate) buckets: [Counter; BOUNDS_MICROS.len() + 1],
    pub(crate) sum_micros: Counter,
}

impl Histogram {
    fn record(&self, duration: Duration) {
        // 584 thousand years fit.
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.iter().position(|bound| micros <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS_MICROS.len())].add(1);
        self.sum_micros.add(micros);
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: [[[Counter; STATUSES.len()]; METHODS.len()]; Route::COUNT],
    pub(crate) latency: [Histogram; Route::COUNT],
    pub(crate) in_flight: Counter,
    pub(crate) accepted: Counter,
    pub(crate) open: Counter,
    /// Open connections that were asked to make room.
    pub(crate) leaving: Counter,
    /// Bytes that are held for clients.
    pub(crate) held: Counter,
    /// Asks the worker to close the connections that hold the most.
    pub(crate) shed: tokio::sync::Notify,
    /// How long the longest idle connection has been idle, in milliseconds; 0 if none has been idle for
    /// long enough to make room.
    pub(crate) oldest_idle: Counter,
    pub(crate) ended: [Counter; ENDS.len()],
    pub(crate) early: [Counter; EARLY_STATUSES.len()],
    pub(crate) proxy_refused: Counter,
    pub(crate) faults: Counter,
    pub(crate) log_rate: Counter,
    pub(crate) log_full: Counter,
    /// When the worker last ran, in milliseconds that the process had run.
    pub(crate) heartbeat: Counter,
}

/// The index of a method's column.
pub(crate) fn method_index(method: &actix_http::Method) -> u8 {
    let name = method.as_str();
    let index = METHODS
        .iter()
        .position(|known| *known == name)
        .unwrap_or(METHODS.len() - 1);
    u8::try_from(index).expect("there are five methods")
}

impl Counters {
    /// Counts a finished request; status 0 stands for one that was cut.
    pub(crate) fn request(&self, route: Route, method: usize, status: u16, duration: Duration) {
        let status = STATUSES
            .iter()
            .position(|known| *known == status)
            .unwrap_or(STATUSES.len() - 1);
        self.requests[route as usize][method][status].add(1);
        self.latency[route as usize].record(duration);
    }

    pub(crate) fn ended(&self, reason: CloseReason) {
        if let Some(index) = ENDS.iter().position(|(known, _)| *known == reason) {
            self.ended[index].add(1);
        }
    }

    pub(crate) fn canned(&self, canned: Canned) {
        let status = canned.status();
        if let Some(index) = EARLY_STATUSES.iter().position(|known| *known == status) {
            self.early[index].add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_response_that_no_handler_writes_is_counted() {
        for canned in Canned::ALL {
            let counters = Counters::default();
            counters.canned(canned);
            let total: u64 = counters.early.iter().map(Counter::get).sum();
            assert_eq!(total, 1, "{canned:?}");
        }
    }
}
