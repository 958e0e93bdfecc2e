//! What the load balancer has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections that a pod took.
    pub forwarded: AtomicU64,
    /// Attempts that a pod refused, and that went to another.
    pub retried: AtomicU64,
    /// Connections that no pod took.
    pub refused: AtomicU64,
    /// Idle connections that were closed to make room for new ones.
    pub evicted: AtomicU64,
}

impl Stats {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
