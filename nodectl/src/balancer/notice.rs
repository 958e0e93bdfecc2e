//! The load balancer's notices to the operator, rate-limited.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two notices of the same kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// A reason why clients wait or are refused.
#[derive(Debug)]
pub enum Notice {
    /// The limit of connections is reached.
    Full {
        /// The limit.
        limit: usize,
        /// Idle connections closed so far to make room.
        evicted: u64,
    },
    /// This process is out of file descriptors, or of ports for connections to pods.
    Exhausted {
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit, evicted: 0 } => write!(
                f,
                "load balancer: {limit} connections, its limit, and none is idle: new clients wait"
            ),
            Self::Full { limit, evicted } => write!(
                f,
                "load balancer: {limit} connections, its limit: the longest idle are closed for new \
                 clients ({evicted} so far)"
            ),
            Self::Exhausted { source } => {
                write!(f, "load balancer: cannot accept a connection: {source}")
            }
        }
    }
}

/// Emits notices, at most one of each kind in [`INTERVAL`].
pub(super) struct Reporter {
    emit: Box<dyn Fn(Notice) + Send + Sync>,
    full: Throttle,
    exhausted: Throttle,
}

impl Reporter {
    pub(super) fn new(emit: Box<dyn Fn(Notice) + Send + Sync>) -> Self {
        Self {
            emit,
            full: Throttle::default(),
            exhausted: Throttle::default(),
        }
    }

    pub(super) fn full(&self, limit: usize, evicted: u64) {
        if self.full.is_due(Instant::now()) {
            (self.emit)(Notice::Full { limit, evicted });
        }
    }

    pub(super) fn exhausted(&self, source: io::Error) {
        if self.exhausted.is_due(Instant::now()) {
            (self.emit)(Notice::Exhausted { source });
        }
    }
}

#[derive(Default)]
struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// Whether [`INTERVAL`] has passed since this last returned true.
    fn is_due(&self, now: Instant) -> bool {
        // No holder of the lock leaves it inconsistent.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_emitted_at_once_and_then_once_in_an_interval() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let due = [0, 1, 9_999, 10_000, 10_001, 19_999, 35_000]
            .map(|millis| throttle.is_due(start + Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
