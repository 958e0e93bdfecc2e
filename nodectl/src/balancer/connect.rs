//! A connection to a ready pod.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::Pool;
use super::pool::Place;
use super::stats::Stats;

/// A pod on this machine answers a SYN in microseconds; one that does not in a second is stuck.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection waits for a pod when none is ready: long enough for a restart.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A pod that has just died is still in the pool; it is tried again after this time.
const RETRY: Duration = Duration::from_millis(100);

/// Why a client gets no pod.
pub(super) enum Failure {
    /// None was ready in time.
    NoPod,
    /// This process has no file descriptor or port left.
    Exhausted(io::Error),
}

/// Connects to a pod: each ready pod is tried, and if all refuse or there are none, the next change is
/// waited for.
pub(super) async fn connect(pool: &Pool, stats: &Stats) -> Result<(TcpStream, Place), Failure> {
    if let Some(connected) = try_each(pool, stats).await? {
        return Ok(connected);
    }
    let deadline = Instant::now() + READY_TIMEOUT;
    while Instant::now() < deadline {
        let changed = pool.changed();
        tokio::pin!(changed);
        // From here on no change is missed.
        changed.as_mut().enable();
        if let Some(connected) = try_each(pool, stats).await? {
            return Ok(connected);
        }
        let _ = timeout_at(deadline.min(Instant::now() + RETRY), changed).await;
    }
    Err(Failure::NoPod)
}

async fn try_each(pool: &Pool, stats: &Stats) -> Result<Option<(TcpStream, Place)>, Failure> {
    let mut tried: Vec<SocketAddr> = Vec::new();
    while let Some(place) = pool.pick(&tried) {
        let address = place.target().address;
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(Some((stream, place))),
            Ok(Err(error)) if is_exhausted(&error) => return Err(Failure::Exhausted(error)),
            _ => {
                Stats::count(&stats.retried);
                tried.push(address);
            }
        }
    }
    Ok(None)
}

/// The fault is here, not at the pod: no file descriptor or no port is left.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EADDRNOTAVAIL)
    )
}
