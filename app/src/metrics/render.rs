//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::counters::{BOUNDS_MICROS, Counter, Counters, EARLY_STATUSES, ENDS, METHODS, STATUSES};
use super::process::Process;
use crate::lifecycle::{DrainResult, State};
use crate::routes::Route;

/// The format's media type.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The figures of the process at one moment.
pub(crate) struct Snapshot<'a> {
    /// One for each worker.
    pub(crate) counters: &'a [Arc<Counters>],
    pub(crate) state: State,
    /// The result of this process's drain, once there is one.
    pub(crate) drained: Option<DrainResult>,
    /// The result of the previous process's drain, if it is known.
    pub(crate) last_drain: Option<DrainResult>,
    pub(crate) config_digest: &'a str,
    /// Durable visits of all pods, once they are known.
    pub(crate) visits: Option<u64>,
    /// Failed saves of visits, if visits are durable.
    pub(crate) visits_errors: Option<u64>,
    /// Log lines other than those of requests that were dropped because the queue was full.
    pub(crate) logs_dropped: u64,
    /// Since 1970.
    pub(crate) started_unix: Duration,
    /// Spans that the collector accepted, and those that it did not.
    #[cfg(feature = "otlp")]
    pub(crate) spans: (u64, u64),
}

/// The snapshot, and the kernel's figures of the process, as text.
pub(crate) fn render(snapshot: &Snapshot<'_>) -> String {
    let mut page = Page(String::with_capacity(8 * 1024));
    requests(&mut page, snapshot.counters);
    connections(&mut page, snapshot.counters);
    life(&mut page, snapshot);
    logs(&mut page, snapshot);
    process(&mut page, snapshot);
    page.0
}

/// The text, as it grows.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for char in text.chars() {
                match char {
                    '"' => self.0.push_str("\\\""),
                    '\\' => self.0.push_str("\\\\"),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }
}

/// One counter, added up over the workers.
fn sum(all: &[Arc<Counters>], each: impl Fn(&Counters) -> &Counter) -> u64 {
    all.iter().fold(0, |total, counters| {
        total.wrapping_add(each(counters).get())
    })
}

fn requests(page: &mut Page, all: &[Arc<Counters>]) {
    let name = "app_requests_total";
    page.head(
        name,
        "counter",
        "Requests by route, method and status; status 0 is a cut request.",
    );
    for route in Route::ALL {
        for (m, method) in METHODS.iter().enumerate() {
            for (s, status) in STATUSES.iter().enumerate() {
                let count = sum(all, |counters| &counters.requests[route as usize][m][s]);
                if count > 0 {
                    let status = if *status == 999 {
                        "other".to_owned()
                    } else {
                        status.to_string()
                    };
                    let labels = [
                        ("route", route.label()),
                        ("method", method),
                        ("status", &status),
                    ];
                    page.line(name, &labels, count);
                }
            }
        }
    }
    latency(page, all);
    page.single(
        "app_requests_in_flight",
        "gauge",
        "Requests in progress.",
        sum(all, |counters| &counters.in_flight),
    );
    let name = "app_early_answers_total";
    page.head(
        name,
        "counter",
        "Responses to what never became a request, by status.",
    );
    for (index, status) in EARLY_STATUSES.iter().enumerate() {
        page.line(
            name,
            &[("status", &status.to_string())],
            sum(all, |counters| &counters.early[index]),
        );
    }
    page.single(
        "app_faults_injected_total",
        "counter",
        "Requests with an injected fault.",
        sum(all, |counters| &counters.faults),
    );
}

fn latency(page: &mut Page, all: &[Arc<Counters>]) {
    let name = "app_request_duration_seconds";
    page.head(
        name,
        "histogram",
        "Time from the complete request head to the end of the response.",
    );
    for route in Route::ALL {
        let bucket = |index| {
            sum(all, |counters| {
                &counters.latency[route as usize].buckets[index]
            })
        };
        let count: u64 = (0..=BOUNDS_MICROS.len()).map(bucket).sum();
        if count == 0 {
            continue;
        }
        let mut total = 0;
        for (index, bound) in BOUNDS_MICROS.iter().enumerate() {
            total += bucket(index);
            let bound = seconds(*bound);
            let labels = [("route", route.label()), ("le", bound.as_str())];
            page.line("app_request_duration_seconds_bucket", &labels, total);
        }
        let labels = [("route", route.label()), ("le", "+Inf")];
        page.line("app_request_duration_seconds_bucket", &labels, count);
        let micros = sum(all, |counters| &counters.latency[route as usize].sum_micros);
        let labels = [("route", route.label())];
        page.line("app_request_duration_seconds_sum", &labels, seconds(micros));
        page.line("app_request_duration_seconds_count", &labels, count);
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn connections(page: &mut Page, all: &[Arc<Counters>]) {
    page.single(
        "app_connections_accepted_total",
        "counter",
        "Connections on the public listener.",
        sum(all, |counters| &counters.accepted),
    );
    page.single(
        "app_connections",
        "gauge",
        "Open connections.",
        sum(all, |counters| &counters.open),
    );
    let name = "app_connections_ended_total";
    page.head(
        name,
        "counter",
        "Connections that the service closed, by reason.",
    );
    for (index, (_, reason)) in ENDS.iter().enumerate() {
        page.line(
            name,
            &[("reason", reason)],
            sum(all, |counters| &counters.ended[index]),
        );
    }
    page.single(
        "app_proxy_headers_refused_total",
        "counter",
        "Connections closed because of their PROXY header or the lack of one.",
        sum(all, |counters| &counters.proxy_refused),
    );
}

fn life(page: &mut Page, snapshot: &Snapshot<'_>) {
    let state = snapshot.state;
    page.head("app_state", "gauge", "1 for the current state of the pod.");
    for each in State::ALL {
        page.line(
            "app_state",
            &[("state", each.name())],
            u8::from(each == state),
        );
    }
    let name = "app_drain_cut_requests";
    let results = [("this", snapshot.drained), ("last", snapshot.last_drain)];
    if results.iter().any(|(_, result)| result.is_some()) {
        page.head(
            name,
            "gauge",
            "Requests cut by the drain deadline, of this process or the previous one.",
        );
        for (which, result) in results {
            let cut = match result {
                None => continue,
                Some(DrainResult::Complete) => 0,
                Some(DrainResult::Cut(cut)) => cut,
            };
            page.line(name, &[("drain", which)], cut);
        }
    }
    page.head("app_build_info", "gauge", "Always 1; version and revision.");
    let labels = [
        ("version", crate::build_info::VERSION),
        ("revision", crate::build_info::REVISION),
    ];
    page.line("app_build_info", &labels, 1);
    page.head(
        "app_config_info",
        "gauge",
        "Always 1; digest of the settings that all replicas share.",
    );
    page.line("app_config_info", &[("digest", snapshot.config_digest)], 1);
    page.single(
        "app_workers",
        "gauge",
        "Worker threads.",
        snapshot.counters.len(),
    );
    if let Some(visits) = snapshot.visits {
        page.single(
            "app_visits",
            "gauge",
            "Persistent visits of all pods.",
            visits,
        );
    }
    if let Some(errors) = snapshot.visits_errors {
        page.single(
            "app_visits_errors_total",
            "counter",
            "Failed attempts to save visits.",
            errors,
        );
    }
}

fn logs(page: &mut Page, snapshot: &Snapshot<'_>) {
    let name = "app_log_lines_dropped_total";
    page.head(name, "counter", "Dropped log lines, by reason.");
    let rate = sum(snapshot.counters, |counters| &counters.log_rate);
    let full = sum(snapshot.counters, |counters| &counters.log_full);
    page.line(name, &[("reason", "rate")], rate);
    page.line(name, &[("reason", "full")], full + snapshot.logs_dropped);
    #[cfg(feature = "otlp")]
    {
        let name = "app_spans_total";
        page.head(name, "counter", "Trace spans, by outcome.");
        let (sent, dropped) = snapshot.spans;
        page.line(name, &[("outcome", "sent")], sent);
        page.line(name, &[("outcome", "dropped")], dropped);
    }
}

fn process(page: &mut Page, snapshot: &Snapshot<'_>) {
    let process = Process::read();
    page.single(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process, in seconds since 1970.",
        snapshot.started_unix.as_secs_f64(),
    );
    if let Some(cpu) = process.cpu {
        let name = "process_cpu_seconds_total";
        page.single(
            name,
            "counter",
            "CPU time of all threads.",
            cpu.as_secs_f64(),
        );
    }
    let gauges = [
        (
            "process_resident_memory_bytes",
            "Resident memory.",
            process.resident_bytes,
        ),
        (
            "process_virtual_memory_bytes",
            "Mapped memory.",
            process.virtual_bytes,
        ),
        ("process_threads", "Threads.", process.threads),
        (
            "process_open_fds",
            "Open files and sockets.",
            process.open_files,
        ),
        (
            "process_max_fds",
            "Limit of open files and sockets.",
            process.most_files,
        ),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            page.single(name, "gauge", help, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        assert_eq!(seconds(100), "0.0001");
        assert_eq!(seconds(2_500_000), "2.5");
        assert_eq!(seconds(0), "0");
        assert_eq!(seconds(10_000_000), "10");
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = Page(String::new());
        page.line("x", &[("a", "b\"c\\d\ne"), ("f", "g")], 1);
        assert_eq!(page.0, "x{a=\"b\\\"c\\\\d\\ne\",f=\"g\"} 1\n");
    }
}
