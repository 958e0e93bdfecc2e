//! Reads [`Settings`] from the environment: the field of each variable, and the bounds of its value.

use std::path::PathBuf;

use super::parse::{self, address, bytes, choice, count, duration, positive_duration, switch};
use super::table;
use super::variables::Reader;
use super::{
    DrainProfile, Identity, Limits, LogFormat, ProxyProtocol, RequestLog, Settings, SettingsError,
    Timeouts,
};
use crate::cidr::Cidr;

/// The most headers a request can have: actix-http parses into a fixed table of 96.
const MAX_HEADERS: usize = 96;

/// The largest head limit: actix-http refuses heads beyond 128 KiB itself.
const MAX_HEADER_BYTES: usize = 128 << 10;

impl Settings {
    /// Reads the settings from environment variables. `host_name` names the pod if the downward API
    /// does not.
    ///
    /// # Errors
    /// All the problems of all the settings, unknown `APP_…` variables included.
    pub fn from_env(
        variables: impl IntoIterator<Item = (String, String)>,
        host_name: &str,
    ) -> Result<Self, SettingsError> {
        let reader = Reader::new(variables);
        let settings = read(&reader, host_name);
        reader.finish(settings)
    }
}

fn read(from: &Reader, host_name: &str) -> Option<Settings> {
    // Every field is read before any is checked, so that no problem hides another.
    let profiles = [
        ("nlb", DrainProfile::NLB),
        ("short", DrainProfile::SHORT),
        ("off", DrainProfile::OFF),
    ];
    let profile = from.get(&table::DRAIN_PROFILE, |text| choice(text, &profiles));
    let delay = from.optional(&table::DRAIN_DELAY, duration);
    let deadline = from.optional(&table::DRAIN_DEADLINE, duration);
    let listen = from.get(&table::LISTEN, address);
    let admin_listen = from.get(&table::ADMIN_LISTEN, address);
    let admin_hosts = from.get(&table::ADMIN_HOSTS, host_names);
    let workers = from.get(&table::WORKERS, |text| count(text, 0, 1024));
    let backlog = from.get(&table::BACKLOG, |text| count(text, 1, 1 << 20));
    let timeouts = timeouts(from);
    let limits = limits(from);
    let proxies = [
        ("off", ProxyProtocol::Off),
        ("optional", ProxyProtocol::Optional),
        ("required", ProxyProtocol::Required),
    ];
    let proxy_protocol = from.get(&table::PROXY_PROTOCOL, |text| choice(text, &proxies));
    let trusted_proxies = from.get(&table::TRUSTED_PROXIES, ranges);
    let greeting = from.get(&table::GREETING, greeting);
    let greeting_file = from.optional(&table::GREETING_FILE, path);
    let data_dir = from.optional(&table::DATA_DIR, path);
    let identity = identity(from, host_name);
    let log = from.get(&table::LOG, crate::logs::check_filter);
    let formats = [
        ("auto", LogFormat::Auto),
        ("json", LogFormat::Json),
        ("text", LogFormat::Text),
    ];
    let log_format = from.get(&table::LOG_FORMAT, |text| choice(text, &formats));
    let logged = [
        ("all", RequestLog::All),
        ("problems", RequestLog::Problems),
        ("off", RequestLog::Off),
    ];
    let request_log = from.get(&table::REQUEST_LOG, |text| choice(text, &logged));
    let rate = from.get(&table::REQUEST_LOG_RATE, |text| count(text, 0, 1_000_000));
    let sample_routes = from.get(&table::SAMPLE_ROUTES, switch);
    let faults = from.get(&table::FAULTS, switch);
    let otlp_endpoint = from.optional(&table::OTLP_ENDPOINT, parse::collector);
    let trace_percent = from.get(&table::TRACE_PERCENT, |text| count(text, 0, 100));
    let otlp_service_name = from.get(&table::OTLP_SERVICE_NAME, label);

    if proxy_protocol.is_some_and(|mode| mode != ProxyProtocol::Off)
        && trusted_proxies.as_ref().is_some_and(Vec::is_empty)
    {
        from.problem(
            &table::TRUSTED_PROXIES,
            "must name the load balancer's addresses when APP_PROXY_PROTOCOL is on, \
             or anyone could claim any address"
                .to_owned(),
        );
    }

    let profile = profile?;
    Some(Settings {
        listen: listen?,
        admin_listen: admin_listen?,
        admin_hosts: admin_hosts?,
        workers: Some(workers?).filter(|workers| *workers > 0),
        backlog: backlog?,
        drain: DrainProfile {
            delay: delay?.unwrap_or(profile.delay),
            deadline: deadline?.unwrap_or(profile.deadline),
        },
        timeouts: timeouts?,
        limits: limits?,
        proxy_protocol: proxy_protocol?,
        trusted_proxies: trusted_proxies?,
        greeting: greeting?,
        greeting_file: greeting_file?,
        data_dir: data_dir?,
        identity: identity?,
        log: log?,
        log_format: log_format?,
        request_log: request_log?,
        request_log_rate: Some(rate?).filter(|rate| *rate > 0),
        sample_routes: sample_routes?,
        faults: faults?,
        otlp_endpoint: otlp_endpoint?,
        trace_percent: trace_percent?,
        otlp_service_name: otlp_service_name?,
        digest: from.digest(),
    })
}

fn timeouts(from: &Reader) -> Option<Timeouts> {
    let first_head = from.get(&table::FIRST_HEAD_TIMEOUT, positive_duration);
    let next_head = from.get(&table::NEXT_HEAD_TIMEOUT, positive_duration);
    let body = from.get(&table::BODY_TIMEOUT, positive_duration);
    let answer = from.get(&table::ANSWER_TIMEOUT, positive_duration);
    let keep_alive = from.get(&table::KEEP_ALIVE, positive_duration);
    let min_rate = from.get(&table::MIN_RATE, |text| count(text, 1, 1 << 30));
    Some(Timeouts {
        first_head: first_head?,
        next_head: next_head?,
        body: body?,
        answer: answer?,
        keep_alive: keep_alive?,
        min_rate: min_rate?,
    })
}

fn limits(from: &Reader) -> Option<Limits> {
    let connections = from.get(&table::MAX_CONNECTIONS, |text| count(text, 1, 1 << 20));
    let header_bytes = from.get(&table::MAX_HEADER_BYTES, |text| {
        bytes(text).and_then(|size| within(size, 256, MAX_HEADER_BYTES))
    });
    let headers = from.get(&table::MAX_HEADERS, |text| count(text, 1, MAX_HEADERS));
    let body_bytes = from.get(&table::MAX_BODY_BYTES, |text| {
        bytes(text).and_then(|size| within(size, 0, 1 << 30))
    });
    let memory_bytes = from.get(&table::MEMORY_BUDGET, |text| {
        bytes(text).map(|size| size as u64)
    });
    Some(Limits {
        connections: connections?,
        header_bytes: header_bytes?,
        headers: headers?,
        body_bytes: body_bytes?,
        memory_bytes: Some(memory_bytes?).filter(|bytes| *bytes > 0),
    })
}

fn identity(from: &Reader, host_name: &str) -> Option<Identity> {
    let pod = from.optional(&table::POD_NAME, label);
    let namespace = from.optional(&table::POD_NAMESPACE, label);
    let node = from.optional(&table::NODE_NAME, label);
    let zone = from.optional(&table::ZONE, label);
    let service = from.get(&table::SERVICE, label);
    Some(Identity {
        pod: pod?.unwrap_or_else(|| host_name.to_owned()),
        namespace: namespace?,
        node: node?,
        zone: zone?,
        service: service?,
    })
}

fn within(size: usize, least: usize, most: usize) -> Result<usize, String> {
    if (least..=most).contains(&size) {
        Ok(size)
    } else {
        Err(format!(
            "{size} bytes is out of range: expected {least} to {most}"
        ))
    }
}

fn ranges(text: &str) -> Result<Vec<Cidr>, String> {
    list(text)
        .map(|range| {
            range
                .parse()
                .map_err(|error: crate::cidr::CidrError| error.to_string())
        })
        .collect()
}

fn host_names(text: &str) -> Result<Vec<String>, String> {
    let is_valid = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        name.len() <= 253 && name.bytes().all(allowed)
    };
    list(text)
        .map(|name| {
            if is_valid(name) {
                Ok(name.to_owned())
            } else {
                Err(format!(
                    "invalid host name `{name}`: expected one without a port"
                ))
            }
        })
        .collect()
}

/// The entries of a list, without empty ones.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// A name that appears in logs, JSON and metrics: printable and no longer than DNS allows.
fn label(text: &str) -> Result<String, String> {
    if text.len() > 253 || text.chars().any(char::is_control) {
        return Err("must be printable and at most 253 bytes long".to_owned());
    }
    Ok(text.to_owned())
}

fn greeting(text: &str) -> Result<String, String> {
    crate::greeting::clean(text).map_err(|error| error.to_string())
}

fn path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("invalid path `{text}`: expected an absolute one"))
    }
}
