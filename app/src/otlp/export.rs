//! The thread that sends spans: in batches, again where that can help, and no longer than it may.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::encode::{self, Resource};
use super::queue::{Message, Span, Spans};
use crate::build_info;
use crate::settings::Settings;
use crate::url::HttpUrl;

/// Spans of a batch at most.
const BATCH: usize = 512;
/// How long a batch waits to be filled.
const LINGER: Duration = Duration::from_secs(1);
/// How long each step of sending may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Tries for a batch, and the first pause between them; each pause is twice the one before.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// As much of the collector's answer as is read.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// The thread.
pub(crate) struct Exporter(Option<JoinHandle<()>>);

/// Starts the exporter, where the settings name a collector.
pub(crate) fn start(settings: &Settings) -> (Spans, Exporter) {
    let url = settings.otlp_endpoint.as_deref().and_then(|endpoint| {
        // The base URL has the signal's path added (OTLP exporter specification, endpoint URLs).
        format!("{}/v1/traces", endpoint.trim_end_matches('/'))
            .parse::<HttpUrl>()
            .ok()
    });
    let Some(url) = url else {
        return (Spans::off(), Exporter(None));
    };
    let (spans, queue) = Spans::new();
    let resource = resource(settings);
    let counts = spans.clone();
    let spawned = std::thread::Builder::new()
        .name("otlp".to_owned())
        .spawn(move || export(&queue, &url, &resource, &counts));
    match spawned {
        Ok(thread) => (spans, Exporter(Some(thread))),
        Err(error) => {
            tracing::error!(%error, "traces are not sent: no thread");
            (Spans::off(), Exporter(None))
        }
    }
}

fn resource(settings: &Settings) -> Resource {
    let identity = &settings.identity;
    let mut attributes = vec![
        ("service.name", settings.otlp_service_name.clone()),
        ("service.version", build_info::VERSION.to_owned()),
        ("service.instance.id", identity.pod.clone()),
        ("k8s.pod.name", identity.pod.clone()),
    ];
    let known = [
        ("k8s.namespace.name", &identity.namespace),
        ("k8s.node.name", &identity.node),
        ("cloud.availability_zone", &identity.zone),
    ];
    attributes.extend(
        known
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?))),
    );
    Resource { attributes }
}

impl Exporter {
    /// Sends what is left, within `patience`.
    pub(crate) fn finish(self, spans: &Spans, patience: Duration) {
        let Some(thread) = self.0 else { return };
        spans.finish();
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !thread.is_finished() {
            tracing::warn!("the last traces are not sent: the collector does not answer");
        }
    }
}

fn export(queue: &Receiver<Message>, url: &HttpUrl, resource: &Resource, counts: &Spans) {
    let mut complaint = String::new();
    let mut last = false;
    while !last {
        let batch;
        (batch, last) = collect(queue);
        if batch.is_empty() {
            continue;
        }
        let size = batch.len() as u64;
        match send(url, &encode::request(resource, &batch), last) {
            Ok(()) => {
                counts.sent.fetch_add(size, Ordering::Relaxed);
                complaint.clear();
            }
            Err(error) => {
                counts.dropped.fetch_add(size, Ordering::Relaxed);
                if error != complaint {
                    tracing::warn!(%url, error, "traces are not sent");
                    complaint = error;
                }
            }
        }
    }
}

/// Waits for a batch; `true` where it is the last.
fn collect(queue: &Receiver<Message>) -> (Vec<Span>, bool) {
    let mut batch = Vec::new();
    let mut until = None;
    while batch.len() < BATCH {
        let wait = until.map_or(LINGER, |until: Instant| {
            until.saturating_duration_since(Instant::now())
        });
        match queue.recv_timeout(wait) {
            Ok(Message::Span(span)) => {
                until.get_or_insert_with(|| Instant::now() + LINGER);
                batch.push(*span);
            }
            Err(RecvTimeoutError::Timeout) => break,
            Ok(Message::Finish) | Err(RecvTimeoutError::Disconnected) => return (batch, true),
        }
    }
    (batch, false)
}

/// Sends a batch, again where the specification says that it can help: no connection, 429, 502, 503
/// and 504.
fn send(url: &HttpUrl, body: &[u8], last: bool) -> Result<(), String> {
    let mut pause = PAUSE;
    let mut tries = if last { 1 } else { TRIES };
    loop {
        tries -= 1;
        let failure = match post(url, body) {
            Ok(200..=299) => return Ok(()),
            Ok(status @ (429 | 502 | 503 | 504)) => format!("the collector answers {status}"),
            Ok(status) => return Err(format!("the collector refuses with {status}")),
            Err(error) => format!("the collector cannot be reached: {error}"),
        };
        if tries == 0 {
            return Err(failure);
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
}

/// One POST on a connection of its own; returns the status.
fn post(url: &HttpUrl, body: &[u8]) -> io::Result<u16> {
    let address = (url.host.as_str(), url.port).to_socket_addrs()?.next();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let HttpUrl {
        path, authority, ..
    } = url;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\nuser-agent: rust-k8s-app/{}\r\nconnection: close\r\n\r\n",
        body.len(),
        build_info::VERSION
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.take(MOST_ANSWER_BYTES).read_to_end(&mut answer)?;
    let status = answer
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5));
    let status = status.and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP/1 answer"))
}
