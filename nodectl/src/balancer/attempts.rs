//! The pods that were tried for a client, across failed connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pool::{Place, Pool};

/// How long a client waits while no pod accepts its connection: long enough for a restart.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// The attempts to find a pod for one client.
pub(super) struct Attempts {
    pool: Arc<Pool>,
    tried: Vec<SocketAddr>,
    /// When the client is refused; set once no pod was left to try.
    expires: Option<Instant>,
}

impl Attempts {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            tried: Vec::new(),
            expires: None,
        }
    }

    /// The next pod that was not tried yet.
    pub(super) fn next(&self) -> Option<Place> {
        self.pool.pick(&self.tried)
    }

    /// Notes that the pod at this address did not accept the connection.
    pub(super) fn failed(&mut self, address: SocketAddr) {
        self.tried.push(address);
    }

    /// Notes that all pods were tried: they are retried until the client has waited for too long.
    pub(super) fn exhausted(&mut self, now: Instant) {
        self.tried.clear();
        self.expires.get_or_insert(now + READY_TIMEOUT);
    }

    pub(super) fn have_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| now >= at)
    }

    /// Whether the pod at this address still gets connections.
    pub(super) fn may_use(&self, address: SocketAddr) -> bool {
        self.pool.contains(address)
    }
}
