//! The parsed settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cidr::Cidr;
use crate::logs::LogFormat;

/// Every setting, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener.
    pub admin_listen: SocketAddr,
    /// Names of the admin listener, besides addresses and `localhost`.
    pub admin_hosts: Vec<String>,
    /// Worker threads; `None` is one for each CPU.
    pub workers: Option<usize>,
    /// Accept queue of the public listener, in connections.
    pub backlog: u32,
    /// Delay and deadline of the drain.
    pub drain: DrainProfile,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How much a client may send.
    pub limits: Limits,
    /// Whether connections begin with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// Peers that are trusted to name the client.
    pub trusted_proxies: Vec<Cidr>,
    /// The greeting, unless a file contains one.
    pub greeting: String,
    /// The file that contains the greeting.
    pub greeting_file: Option<PathBuf>,
    /// The directory of the visit counter.
    pub data_dir: Option<PathBuf>,
    /// The identity of this pod.
    pub identity: Identity,
    /// Which log lines are written.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which requests are logged.
    pub request_log: RequestLog,
    /// Lines per second of successful requests; `None` is unlimited.
    pub request_log_rate: Option<u32>,
    /// Whether the routes to try out clients with are served.
    pub sample_routes: bool,
    /// Whether faults may be injected.
    pub faults: bool,
    /// The collector that traces are sent to.
    pub otlp_endpoint: Option<String>,
    /// The percentage of requests to trace if the caller has not decided.
    pub trace_percent: u8,
    /// The service's name in traces.
    pub otlp_service_name: String,
    /// SHA-256 over all settings but those that differ from replica to replica, in hexadecimal.
    pub digest: String,
}

/// Delay and deadline of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainProfile {
    /// How long new connections are served after SIGTERM.
    pub delay: Duration,
    /// How long requests in flight may take after the delay.
    pub deadline: Duration,
}

impl DrainProfile {
    /// For an NLB, which sends new connections for about 120 s after deregistration.
    pub const NLB: Self = Self {
        delay: Duration::from_secs(150),
        deadline: Duration::from_secs(30),
    };
    /// For an ALB or a Spot node: an ALB is quiet after 70 s, and a Spot notice is 120 s.
    pub const SHORT: Self = Self {
        delay: Duration::from_secs(70),
        deadline: Duration::from_secs(30),
    };
    /// No drain: requests in flight are cut. For demonstrations of what a drain prevents.
    pub const OFF: Self = Self {
        delay: Duration::ZERO,
        deadline: Duration::ZERO,
    };
}

/// How long a client may take over each part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the connection to its first complete head.
    pub first_head: Duration,
    /// From the first byte of a later head to its last.
    pub next_head: Duration,
    /// How long a body may arrive more slowly than `min_rate`.
    pub body: Duration,
    /// How long a client may read a response more slowly than `min_rate`.
    pub answer: Duration,
    /// How long a connection may be idle.
    pub keep_alive: Duration,
    /// The lowest rate that does not count as stalled, in bytes per second.
    pub min_rate: u32,
}

/// How much a client may send, and how many clients there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub connections: usize,
    /// Bytes of a request head.
    pub header_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes that are held for all clients together; `None` is half of the cgroup's limit.
    pub memory_bytes: Option<u64>,
}

/// Whether a connection begins with a PROXY protocol header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Never: the signature would be a malformed request.
    Off,
    /// Accepted only from trusted peers, which may omit it.
    Optional,
    /// Accepted only from trusted peers, which must not omit it.
    Required,
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestLog {
    /// All of them, within the rate.
    All,
    /// Statuses from 400 up, and cut connections.
    Problems,
    /// None.
    Off,
}

/// The identity of this pod, from the downward API. No metadata service is queried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The pod's name; the host name if it is not set.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The node it runs on.
    pub node: Option<String>,
    /// The availability zone of that node.
    pub zone: Option<String>,
    /// The Kubernetes Service in front of it.
    pub service: String,
}
