//! The parameters of a load.

use std::net::SocketAddr;
use std::time::Duration;

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Keeps connections alive and reuses the one that has been idle longest, as a load balancer's pool
    /// does.
    KeptAlive,
    /// Opens a connection for each request and sends `Connection: close`.
    OneShot,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Closed loop: as soon as a response arrives, so every connection always has a request in flight.
    Closed,
    /// Open loop: requests per second, whatever the response times are. A request that finds no free
    /// connection waits, and the wait counts as latency.
    Rate(u32),
}

/// One load: its target, its client and its limits.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The address to connect to.
    pub target: SocketAddr,
    /// The path of every request.
    pub path: String,
    /// The body that every response must have; `None` accepts any.
    pub body: Option<Vec<u8>>,
    /// How connections are used.
    pub client: Client,
    /// When requests are sent.
    pub pace: Pace,
    /// The maximum number of open connections.
    pub connections: usize,
    /// Stops after this many requests.
    pub requests: u64,
    /// Stops after this time.
    pub time: Duration,
    /// A request fails when its response is not complete within this time.
    pub timeout: Duration,
    /// A pause in the middle of each request's head, as if the client were far away; such requests
    /// are in flight for a known time.
    pub pause: Option<Duration>,
    /// Spins for the last millisecond before a request is due instead of sleeping. For measurements
    /// on a dedicated core.
    pub spin: bool,
    /// The CPU that the load's thread is pinned to, if any.
    pub cpu: Option<usize>,
}

impl Plan {
    /// A closed loop of kept-alive connections to `/` of `target`: 16 of them, at most a million
    /// requests or a minute, five seconds a request.
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            path: "/".to_owned(),
            body: None,
            client: Client::KeptAlive,
            pace: Pace::Closed,
            connections: 16,
            requests: 1_000_000,
            time: Duration::from_mins(1),
            timeout: Duration::from_secs(5),
            pause: None,
            spin: false,
            cpu: None,
        }
    }

    /// The bytes of one request.
    pub(super) fn request(&self) -> Vec<u8> {
        let close = match self.client {
            Client::KeptAlive => "",
            Client::OneShot => "Connection: close\r\n",
        };
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: loadgen\r\n{close}\r\n",
            self.path, self.target
        )
        .into_bytes()
    }
}
