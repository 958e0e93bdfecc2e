//! The table of settings, from which the parser and `--help` are derived.

use std::fmt::Write as _;

/// A setting and its documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The default, for a variable that is unset or empty, as a user would write it.
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
        "public listener; with port 0 the kernel chooses one, which is logged";
    ADMIN_LISTEN = "APP_ADMIN_LISTEN", "0.0.0.0:9090", "address:port",
        "admin listener: metrics, log level, faults; never expose it";
    ADMIN_HOSTS = "APP_ADMIN_HOSTS", "", "host name, comma separated",
        "Host names that the admin listener accepts besides addresses and localhost";
    WORKERS = "APP_WORKERS", "0", "threads",
        "worker threads; 0 is one for each CPU the cgroup's quota allows";
    BACKLOG = "APP_BACKLOG", "1024", "connections",
        "accept queue of the public listener";

    DRAIN_PROFILE = "APP_DRAIN_PROFILE", "nlb", "nlb|short|off",
        "drain delay and deadline: nlb is 150s + 30s, short (ALB, Spot) is 70s + 30s, off is 0s + 0s";
    DRAIN_DELAY = "APP_DRAIN_DELAY", "", "duration",
        "how long to serve new connections after SIGTERM; overrides the profile";
    DRAIN_DEADLINE = "APP_DRAIN_DEADLINE", "", "duration",
        "how long requests in flight may take after the delay; overrides the profile";

    FIRST_HEAD_TIMEOUT = "APP_FIRST_HEAD_TIMEOUT", "5s", "duration",
        "from accepting a connection to its first complete request head";
    NEXT_HEAD_TIMEOUT = "APP_NEXT_HEAD_TIMEOUT", "5s", "duration",
        "from the first byte of a later request's head to its last";
    BODY_TIMEOUT = "APP_BODY_TIMEOUT", "10s", "duration",
        "how long a request body may arrive more slowly than APP_MIN_RATE";
    ANSWER_TIMEOUT = "APP_ANSWER_TIMEOUT", "10s", "duration",
        "how long a client may read its response more slowly than APP_MIN_RATE";
    MIN_RATE = "APP_MIN_RATE", "512", "bytes per second",
        "a slower body or response counts as stalled";
    KEEP_ALIVE = "APP_KEEP_ALIVE", "75s", "duration",
        "how long a connection may be idle; longer than the load balancer's (an ALB's is 60s)";

    MAX_CONNECTIONS = "APP_MAX_CONNECTIONS", "10000", "connections",
        "at this limit the longest idle connection is closed; if none is idle, only probes are answered";
    MAX_HEADER_BYTES = "APP_MAX_HEADER_BYTES", "16KiB", "bytes",
        "largest request head; a larger one is answered with 431";
    MAX_HEADERS = "APP_MAX_HEADERS", "64", "headers",
        "most headers of a request, up to 96; more are answered with 431";
    MAX_BODY_BYTES = "APP_MAX_BODY_BYTES", "1MiB", "bytes",
        "largest request body; a larger one is answered with 413";
    MEMORY_BUDGET = "APP_MEMORY_BUDGET", "0", "bytes",
        "memory for all clients; above it those that use the most get 503; 0 is half the cgroup's limit";

    PROXY_PROTOCOL = "APP_PROXY_PROTOCOL", "off", "off|optional|required",
        "PROXY protocol version 2 on the public listener";
    TRUSTED_PROXIES = "APP_TRUSTED_PROXIES", "", "CIDR, comma separated",
        "peers whose PROXY header and X-Forwarded-For are trusted";

    GREETING = "APP_GREETING", "Hello from Rust on Kubernetes!", "text",
        "the text of GET /";
    GREETING_FILE = "APP_GREETING_FILE", "", "path",
        "file that contains the greeting; changes, as of a ConfigMap volume, take effect";
    DATA_DIR = "APP_DATA_DIR", "", "path",
        "directory of the persistent visit counter; pods may share it";

    POD_NAME = "APP_POD_NAME", "", "text",
        "metadata.name, from the downward API; the default is the host name";
    POD_NAMESPACE = "APP_POD_NAMESPACE", "", "text",
        "metadata.namespace, from the downward API";
    NODE_NAME = "APP_NODE_NAME", "", "text",
        "spec.nodeName, from the downward API";
    ZONE = "APP_ZONE", "", "text",
        "label topology.kubernetes.io/zone, from the downward API";
    SERVICE = "APP_SERVICE", "rust-app-service", "text",
        "name of the Kubernetes Service, shown on the page";

    LOG = "APP_LOG", "info", "level or target=level, comma separated",
        "log filter";
    LOG_FORMAT = "APP_LOG_FORMAT", "auto", "auto|json|text",
        "auto is text on a terminal and JSON elsewhere";
    REQUEST_LOG = "APP_REQUEST_LOG", "all", "all|problems|off",
        "one log line per request; problems are statuses from 400 and cut connections";
    REQUEST_LOG_RATE = "APP_REQUEST_LOG_RATE", "1000", "lines per second",
        "lines of successful requests beyond this rate are dropped and counted; 0 is unlimited";

    SAMPLE_ROUTES = "APP_SAMPLE_ROUTES", "off", "on|off",
        "serves /headers, /status, /delay, /chunked and /events, to try out clients and proxies";
    FAULTS = "APP_FAULTS", "off", "on|off",
        "allows faults to be injected by the admin listener and by a request header";

    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "", "URL",
        "collector that traces are sent to (OTLP, HTTP with protobuf); needs the feature otlp";
    TRACE_PERCENT = "APP_TRACE_PERCENT", "100", "percent",
        "share of requests to trace if the caller has not decided";
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
