//! What a load is made of.

use std::net::SocketAddr;
use std::time::Duration;

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Keeps connections and uses the one that rested longest next, as a pool of a balancer does.
    KeptAlive,
    /// Opens a connection for each request and says `Connection: close`.
    OneShot,
}

/// When the next request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as an answer came: every connection always has a request under way.
    Closed,
    /// So many a second, whatever the answers do; those that find no free connection wait, and the
    /// wait counts as latency.
    Rate(u32),
}

/// One load: its target, its client and where it ends. All of it is bounded.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where connections go.
    pub target: SocketAddr,
    /// The path of every request.
    pub path: String,
    /// The body every answer must have; `None` accepts any.
    pub body: Option<Vec<u8>>,
    /// How connections are used.
    pub client: Client,
    /// When requests go.
    pub pace: Pace,
    /// The most connections at one time.
    pub connections: usize,
    /// The load ends after so many requests.
    pub requests: u64,
    /// The load ends after so long.
    pub time: Duration,
    /// A request without its complete answer after so long has failed.
    pub timeout: Duration,
    /// A pause in the middle of each request's head, as of a client far away: such requests are
    /// in flight for a known time.
    pub pause: Option<Duration>,
    /// Spins for the last millisecond before a request is due instead of sleeping over it. For
    /// measuring on a core of its own.
    pub spin: bool,
    /// The CPU the load's thread stays on, if it shall.
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
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: e2e-load\r\n{close}\r\n",
            self.path, self.target
        )
        .into_bytes()
    }
}
