//! Reads [`Settings`] from the environment and collects the problems of every variable.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::parse::{self, address, bytes, choice, count, duration, positive_duration, switch};
use super::table::{self, Setting};
use super::{
    DrainProfile, Identity, Limits, LogFormat, Problem, ProxyProtocol, RequestLog, Settings,
    SettingsError, Timeouts,
};
use crate::cidr::Cidr;

/// The longest value that is parsed: no setting needs a longer one.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The most headers a request can have: actix-http parses into a fixed table of 96.
const MAX_HEADERS: usize = 96;

/// The largest head limit: actix-http refuses heads beyond 128 KiB itself.
const MAX_HEADER_BYTES: usize = 128 << 10;

impl Settings {
    /// Reads the settings from environment variables. `host_name` names the pod where the downward
    /// API does not.
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

/// The variables, and the problems found so far.
struct Reader {
    variables: BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
}

impl Reader {
    fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, value)| {
            !value.is_empty()
                && (name.starts_with("APP_") || table::ALL.iter().any(|known| known.name == name))
        });
        let reader = Self {
            variables: ours.collect(),
            problems: RefCell::default(),
        };
        for (name, value) in &reader.variables {
            reader.check_known(name, value);
        }
        reader
    }

    /// Reports an unknown name: a misspelt one would leave the default in force.
    fn check_known(&self, name: &str, value: &str) {
        if table::ALL.iter().any(|known| known.name == name) || is_service_link(name, value) {
            return;
        }
        let nearest = table::ALL
            .iter()
            .min_by_key(|known| distance(known.name, name));
        let hint = nearest
            .filter(|known| distance(known.name, name) <= 3)
            .map(|known| format!("did you mean {}? ", known.name))
            .unwrap_or_default();
        let message = format!("unknown setting; {hint}`rust-k8s-app --help` lists all");
        self.problems.borrow_mut().push(Problem {
            name: name.to_owned(),
            message,
        });
    }

    fn problem(&self, setting: &Setting, message: String) {
        self.problems.borrow_mut().push(Problem {
            name: setting.name.to_owned(),
            message,
        });
    }

    /// The setting's value or default; `None` if it has a problem, which is recorded.
    fn get<T>(&self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self
            .variables
            .get(setting.name)
            .map_or(setting.default, String::as_str);
        if text.len() > MAX_VALUE_BYTES {
            self.problem(setting, format!("is longer than {MAX_VALUE_BYTES} bytes"));
            return None;
        }
        parse(text)
            .map_err(|message| self.problem(setting, message))
            .ok()
    }

    /// Like [`Reader::get`], for an optional setting.
    #[expect(
        clippy::option_option,
        reason = "the outer is None for a problem, the inner for an absent setting"
    )]
    fn optional<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        if self.variables.contains_key(setting.name) {
            self.get(setting, parse).map(Some)
        } else {
            Some(None)
        }
    }

    /// A digest of the settings that all replicas have in common.
    fn digest(&self) -> String {
        let own = [table::POD_NAME, table::NODE_NAME, table::ZONE];
        let mut hash = Sha256::new();
        for setting in table::ALL.iter().filter(|setting| !own.contains(setting)) {
            let value = self
                .variables
                .get(setting.name)
                .map_or(setting.default, String::as_str);
            hash.update(format!("{}={value:?}\n", setting.name));
        }
        hash.finalize()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn finish(self, settings: Option<Settings>) -> Result<Settings, SettingsError> {
        let mut problems = self.problems.into_inner();
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => {
                let order = |problem: &Problem| {
                    table::ALL
                        .iter()
                        .position(|known| known.name == problem.name)
                };
                problems.sort_by_key(|problem| order(problem).unwrap_or(usize::MAX));
                Err(SettingsError { problems })
            }
        }
    }
}

/// Whether Kubernetes set the variable: it sets several in every pod for each Service of the
/// namespace (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>),
/// and those of a Service called `app` or `app-…` have the prefix of the settings.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_url = value.contains("://");
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_url)
        || is_port_link(name)
}

/// Whether the name ends as `_PORT_80_TCP`, `_PORT_80_TCP_PROTO`, `_PORT_80_TCP_PORT` or
/// `_PORT_80_TCP_ADDR` do.
fn is_port_link(name: &str) -> bool {
    let Some((_, port)) = name.rsplit_once("_PORT_") else {
        return false;
    };
    let mut parts = port.split('_');
    let number = parts.next().is_some_and(|text| text.parse::<u16>().is_ok());
    let protocol = parts.next().unwrap_or_default();
    let detail = parts.next();
    number
        && ["TCP", "UDP", "SCTP"].contains(&protocol)
        && detail.is_none_or(|detail| ["PROTO", "PORT", "ADDR"].contains(&detail))
        && parts.next().is_none()
}

/// Levenshtein distance, for a hint about a misspelt name.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<_> = right.bytes().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
