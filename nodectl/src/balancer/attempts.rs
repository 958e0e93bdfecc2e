//! The pods that were tried for a client, across failed connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pool::{Place, Pool};
use super::ports::are_used_up;

/// How long a client waits while no pod accepts its connection: long enough for a restart.
pub(super) const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A failed attempt to connect to a pod.
#[derive(Debug)]
pub struct Failure {
    /// The pod's address.
    pub address: SocketAddr,
    /// Why it failed.
    pub source: io::Error,
}

/// The attempts to find a pod for one client.
pub(super) struct Attempts {
    service: Arc<str>,
    pool: Arc<Pool>,
    tried: Vec<SocketAddr>,
    /// The last one that failed.
    failure: Option<Failure>,
    /// A pod of those tried to which no local port was free.
    out_of_ports: Option<SocketAddr>,
    /// When the client is refused; set once no pod was left to try.
    expires: Option<Instant>,
}

impl Attempts {
    pub(super) fn new(service: Arc<str>, pool: Arc<Pool>) -> Self {
        Self {
            service,
            pool,
            tried: Vec::new(),
            failure: None,
            out_of_ports: None,
            expires: None,
        }
    }

    /// The next pod that has not been tried yet.
    pub(super) fn next(&self) -> Option<Place> {
        self.pool.pick(&self.tried)
    }

    /// Notes why the pod at this address did not accept the connection.
    pub(super) fn failed(&mut self, address: SocketAddr, source: io::Error) {
        self.tried.push(address);
        if are_used_up(&source) {
            self.out_of_ports = Some(address);
        }
        self.failure = Some(Failure { address, source });
    }

    /// The Service that the client connected to, and the last failed attempt; `None` if no pod was
    /// ready.
    pub(super) fn into_failure(self) -> (Arc<str>, Option<Failure>) {
        (self.service, self.failure)
    }

    /// A pod to which no local port was free, of those that were tried.
    pub(super) fn out_of_ports(&self) -> Option<SocketAddr> {
        self.out_of_ports
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
