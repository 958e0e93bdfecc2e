//! File descriptors: the process raises its soft limit to what the settings need before it is ready. At
//! the limit nothing could be accepted, probes and scrapes included.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::admin;
use super::error::ServeError;
use crate::edge::watch::MOST_LINGERING;

/// The runtime of a worker or of the main thread: epoll, its waker and the signal pipe, rounded up.
const PER_THREAD: usize = 8;

/// Standard streams, listeners, files that are read or written, a collector's connection.
const OTHERS: usize = 32;

/// Raises the soft limit to what `workers` and `connections` need.
///
/// # Errors
/// [`ServeError::Descriptors`] if the hard limit is lower.
pub(super) fn raise(workers: usize, connections: usize) -> Result<(), ServeError> {
    let needed = needed(workers, connections);
    let limits = getrlimit(Resource::Nofile);
    // No limit counts as the highest one.
    let soft = limits.current.unwrap_or(u64::MAX);
    let hard = limits.maximum.unwrap_or(u64::MAX);
    if soft >= needed {
        return Ok(());
    }
    let refused = |allowed| ServeError::Descriptors {
        needed,
        allowed,
        connections,
    };
    if hard < needed {
        return Err(refused(hard));
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum: limits.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|_| refused(soft))
}

fn needed(workers: usize, connections: usize) -> u64 {
    let per_worker = PER_THREAD + MOST_LINGERING;
    let all = connections
        + super::accept::PROBES_ONLY
        + workers * per_worker
        + admin::MOST_CONNECTIONS
        + PER_THREAD
        + OTHERS;
    all as u64
}
