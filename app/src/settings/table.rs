//! Every setting, once: the parser, `--help` and the documentation all read this table.

use std::fmt::Write as _;

/// One setting and what a person needs to know to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What is used where the variable is absent or empty, in the form it would be written.
    pub default: &'static str,
    /// The unit or form of the value.
    pub unit: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// Declares the table: a constant for each setting, and all of them in order.
macro_rules! settings {
    ($($constant:ident = $name:literal, $default:literal, $unit:literal, $help:literal;)*) => {
        $(#[doc = $help]
        #[allow(clippy::doc_markdown, reason = "the text is for a terminal")]
        pub const $constant: Setting =
            Setting { name: $name, default: $default, unit: $unit, help: $help };)*
        /// Every setting, in the order of `--help`.
        pub const ALL: &[Setting] = &[$($constant),*];
    };
}

settings! {
    LISTEN = "APP_LISTEN", "0.0.0.0:5000", "address:port",
        "public listener; port 0 lets the kernel choose, and the log says what it chose";
    ADMIN_LISTEN = "APP_ADMIN_LISTEN", "0.0.0.0:9090", "address:port",
        "admin listener: metrics, log level, faults; never expose it";
    ADMIN_HOSTS = "APP_ADMIN_HOSTS", "", "host name, comma separated",
        "names that the admin listener has besides its addresses and localhost; others are refused";
    WORKERS = "APP_WORKERS", "0", "threads",
        "worker threads; 0 is one for each CPU the cgroup's quota allows";
    BACKLOG = "APP_BACKLOG", "1024", "connections",
        "accept queue of the public listener";

    DRAIN_PROFILE = "APP_DRAIN_PROFILE", "nlb", "nlb|short|off",
        "drain times: nlb is 150s + 30s, short is 70s + 30s (ALB, Spot), off stops at once";
    DRAIN_DELAY = "APP_DRAIN_DELAY", "", "duration",
        "how long new connections are still served after SIGTERM; default by profile";
    DRAIN_DEADLINE = "APP_DRAIN_DEADLINE", "", "duration",
        "how long requests in flight may take after the delay; default by profile";

    FIRST_HEAD_TIMEOUT = "APP_FIRST_HEAD_TIMEOUT", "5s", "duration",
        "from accepting a connection to its first complete request head";
    NEXT_HEAD_TIMEOUT = "APP_NEXT_HEAD_TIMEOUT", "5s", "duration",
        "from the first byte of a later request's head to its last";
    BODY_TIMEOUT = "APP_BODY_TIMEOUT", "10s", "duration",
        "how long a request body may stay behind APP_MIN_RATE";
    ANSWER_TIMEOUT = "APP_ANSWER_TIMEOUT", "10s", "duration",
        "how long a client that reads its answer may stay behind APP_MIN_RATE";
    MIN_RATE = "APP_MIN_RATE", "512", "bytes per second",
        "slower than this, a body or an answer has stalled";
    KEEP_ALIVE = "APP_KEEP_ALIVE", "75s", "duration",
        "how long a connection may be idle; longer than the load balancer's (an ALB's is 60s)";

    MAX_CONNECTIONS = "APP_MAX_CONNECTIONS", "10000", "connections",
        "beyond this idle connections make room; where none is idle, only probes are answered";
    MAX_HEADER_BYTES = "APP_MAX_HEADER_BYTES", "16KiB", "bytes",
        "size of a request head; beyond it 431";
    MAX_HEADERS = "APP_MAX_HEADERS", "64", "headers",
        "headers of a request, at most 96; beyond it 431";
    MAX_BODY_BYTES = "APP_MAX_BODY_BYTES", "1MiB", "bytes",
        "size of a request body; beyond it 413";
    MEMORY_BUDGET = "APP_MEMORY_BUDGET", "0", "bytes",
        "held for all clients together; beyond it those that hold most get 503; 0 is half of the cgroup's limit";

    PROXY_PROTOCOL = "APP_PROXY_PROTOCOL", "off", "off|optional|required",
        "PROXY protocol version 2 on the public listener";
    TRUSTED_PROXIES = "APP_TRUSTED_PROXIES", "", "CIDR, comma separated",
        "peers whose PROXY header and X-Forwarded-For are believed";

    GREETING = "APP_GREETING", "Hello from Rust on Kubernetes!", "text",
        "what GET / says";
    GREETING_FILE = "APP_GREETING_FILE", "", "path",
        "file to take the greeting from, read again when a ConfigMap volume changes";
    DATA_DIR = "APP_DATA_DIR", "", "path",
        "directory of the durable visit counter; pods may share it";

    POD_NAME = "APP_POD_NAME", "", "text",
        "metadata.name, by the downward API; default is the host name";
    POD_NAMESPACE = "APP_POD_NAMESPACE", "", "text",
        "metadata.namespace, by the downward API";
    NODE_NAME = "APP_NODE_NAME", "", "text",
        "spec.nodeName, by the downward API";
    ZONE = "APP_ZONE", "", "text",
        "label topology.kubernetes.io/zone, by the downward API";
    SERVICE = "APP_SERVICE", "rust-app-service", "text",
        "name of the Kubernetes Service, shown on the page";

    LOG = "APP_LOG", "info", "level or target=level, comma separated",
        "which log lines are written";
    LOG_FORMAT = "APP_LOG_FORMAT", "auto", "auto|json|text",
        "auto is text on a terminal and JSON elsewhere";
    REQUEST_LOG = "APP_REQUEST_LOG", "all", "all|problems|off",
        "one line a request; problems are answers from 400 up and cut connections";
    REQUEST_LOG_RATE = "APP_REQUEST_LOG_RATE", "1000", "lines per second",
        "beyond this, lines of requests that went well are dropped and counted; 0 is no limit";

    SAMPLE_ROUTES = "APP_SAMPLE_ROUTES", "off", "on|off",
        "serves /headers, /status, /delay, /chunked and /events, to try out clients and proxies";
    FAULTS = "APP_FAULTS", "off", "on|off",
        "lets the admin listener and a request header inject faults";

    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "", "URL",
        "collector that traces are sent to (OTLP, HTTP with protobuf); needs the feature otlp";
    TRACE_PERCENT = "APP_TRACE_PERCENT", "100", "percent",
        "how many requests are traced of those whose caller has not decided it";
    OTLP_SERVICE_NAME = "OTEL_SERVICE_NAME", "rust-k8s-app", "text",
        "the service's name in traces";
}

/// The settings as `--help` prints them.
pub fn help() -> String {
    let mut text = String::new();
    for setting in ALL {
        let default = if setting.default.is_empty() {
            "none"
        } else {
            setting.default
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {} ({}; default {default})\n      {}",
            setting.name, setting.unit, setting.help
        );
    }
    text
}
