//! The load balancer's counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections that a pod accepted.
    pub forwarded: AtomicU64,
    /// Attempts that a pod refused and that were retried with another.
    pub retried: AtomicU64,
    /// Connections that no pod accepted.
    pub refused: AtomicU64,
    /// Idle connections that were closed to make room for new ones.
    pub evicted: AtomicU64,
}

impl Stats {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
