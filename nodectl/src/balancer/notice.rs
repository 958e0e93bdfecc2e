//! The load balancer's notices to the operator, rate-limited.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::{Failure, READY_TIMEOUT};

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
    /// Every local port is in use for connections to a pod, and no other pod accepted one.
    OutOfPorts {
        /// The pod's address.
        address: SocketAddr,
    },
    /// This process is out of file descriptors.
    Exhausted {
        /// The system's error.
        source: io::Error,
    },
    /// A client was refused, since no pod accepted its connection in time.
    Unserved {
        /// The Service.
        service: Arc<str>,
        /// The last attempt; `None` if no pod was ready.
        failure: Option<Failure>,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit, evicted: 0 } => write!(
                f,
                "load balancer: at its limit of {limit} connections, and none is idle: new clients wait"
            ),
            Self::Full { limit, evicted } => write!(
                f,
                "load balancer: at its limit of {limit} connections: the longest idle are closed for new \
                 clients ({evicted} so far)"
            ),
            // The side that closes a connection first keeps its port for TCP_TIMEWAIT_LEN, and the balancer
            // closes the one to the pod first if the client did.
            Self::OutOfPorts { address } => write!(
                f,
                "load balancer: no local port is free for a connection to {address}: those of connections \
                 that clients close first stay in use for 60 s; net.ipv4.ip_local_port_range sets their \
                 number"
            ),
            Self::Exhausted { source } => {
                write!(f, "load balancer: cannot accept a connection: {source}")
            }
            Self::Unserved { service, failure } => {
                let secs = READY_TIMEOUT.as_secs();
                write!(f, "service {service}: no pod ")?;
                match failure {
                    None => write!(f, "was ready for {secs} s"),
                    Some(Failure { address, source }) => {
                        write!(
                            f,
                            "accepted a connection for {secs} s ({address}: {source})"
                        )
                    }
                }
            }
        }
    }
}

/// Emits notices, at most one of each kind in [`INTERVAL`].
pub(super) struct Reporter {
    emit: Box<dyn Fn(Notice) + Send + Sync>,
    throttle: Throttle,
}

impl Reporter {
    pub(super) fn new(emit: Box<dyn Fn(Notice) + Send + Sync>) -> Self {
        Self {
            emit,
            throttle: Throttle::default(),
        }
    }

    pub(super) fn full(&self, limit: usize, evicted: u64) {
        if self.throttle.is_due(Kind::Full, Instant::now()) {
            (self.emit)(Notice::Full { limit, evicted });
        }
    }

    pub(super) fn out_of_ports(&self, address: SocketAddr) {
        if self.throttle.is_due(Kind::OutOfPorts, Instant::now()) {
            (self.emit)(Notice::OutOfPorts { address });
        }
    }

    pub(super) fn exhausted(&self, source: io::Error) {
        if self.throttle.is_due(Kind::Exhausted, Instant::now()) {
            (self.emit)(Notice::Exhausted { source });
        }
    }

    pub(super) fn unserved(&self, service: Arc<str>, failure: Option<Failure>) {
        let kind = Kind::Unserved(Arc::clone(&service));
        if self.throttle.is_due(kind, Instant::now()) {
            (self.emit)(Notice::Unserved { service, failure });
        }
    }
}

/// What is rate-limited separately.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Full,
    OutOfPorts,
    Exhausted,
    Unserved(Arc<str>),
}

#[derive(Default)]
struct Throttle(Mutex<BTreeMap<Kind, Instant>>);

impl Throttle {
    /// Whether [`INTERVAL`] has passed since this last returned true for the kind.
    fn is_due(&self, kind: Kind, now: Instant) -> bool {
        // No holder of the lock leaves it inconsistent.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last
            .get(&kind)
            .is_none_or(|last| now.duration_since(*last) >= INTERVAL);
        if due {
            last.insert(kind, now);
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
            .map(|millis| throttle.is_due(Kind::Full, start + Duration::from_millis(millis)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
        let services =
            ["a", "b", "a"].map(|name| throttle.is_due(Kind::Unserved(name.into()), start));
        assert_eq!(services, [true, true, false]);
    }
}
