//! The thread that sends spans, in batches.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::runtime::Runtime;

use super::client::Client;
use super::queue::{Message, Span, Spans};
use super::span;
use crate::build_info;
use crate::settings::Settings;

/// The most spans of a batch.
const BATCH: usize = 512;

/// How long a batch waits to be filled.
const BATCH_DELAY: Duration = Duration::from_secs(1);

/// How long a batch may take in all, with its retries.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The thread.
pub(crate) struct Exporter(Option<JoinHandle<()>>);

/// Starts the exporter, if the settings name a collector.
pub(crate) fn start(settings: &Settings) -> (Spans, Exporter) {
    let Some(endpoint) = &settings.otlp_endpoint else {
        return (Spans::off(), Exporter(None));
    };
    let (spans, queue) = Spans::new();
    let counts = spans.clone();
    let started = Batches::new(endpoint, &resource(settings))
        .map_err(|error| error.to_string())
        .and_then(|batches| {
            std::thread::Builder::new()
                .name("otlp".to_owned())
                .spawn(move || export(&queue, &batches, &counts))
                .map_err(|error| error.to_string())
        });
    match started {
        Ok(thread) => (spans, Exporter(Some(thread))),
        Err(error) => {
            tracing::error!(error, "cannot start the exporter of traces");
            (Spans::off(), Exporter(None))
        }
    }
}

fn resource(settings: &Settings) -> Resource {
    let identity = &settings.identity;
    let mut attributes = vec![
        KeyValue::new("service.version", build_info::VERSION),
        KeyValue::new("service.instance.id", identity.pod.clone()),
        KeyValue::new("k8s.pod.name", identity.pod.clone()),
    ];
    let known = [
        ("k8s.namespace.name", &identity.namespace),
        ("k8s.node.name", &identity.node),
        ("cloud.availability_zone", &identity.zone),
    ];
    attributes.extend(
        known
            .into_iter()
            .filter_map(|(key, value)| Some(KeyValue::new(key, value.clone()?))),
    );
    Resource::builder_empty()
        .with_service_name(settings.otlp_service_name.clone())
        .with_attributes(attributes)
        .build()
}

impl Exporter {
    /// Sends the spans that are left, within `timeout`.
    pub(crate) fn finish(self, spans: &Spans, timeout: Duration) {
        let Some(thread) = self.0 else { return };
        spans.finish();
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < timeout {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !thread.is_finished() {
            tracing::warn!("cannot send the last traces: the collector does not respond");
        }
    }
}

/// The library's exporter, and the runtime by which a plain thread calls it.
struct Batches {
    exporter: SpanExporter,
    client: Client,
    scope: InstrumentationScope,
    runtime: Runtime,
}

/// Why the exporter cannot be created.
#[derive(Debug, thiserror::Error)]
enum BatchesError {
    #[error(transparent)]
    Build(#[from] ExporterBuildError),
    #[error("cannot create a runtime: {0}")]
    Runtime(#[from] io::Error),
}

impl Batches {
    fn new(endpoint: &str, resource: &Resource) -> Result<Self, BatchesError> {
        let client = Client::new();
        // The signal's path is added to the base URL (OTLP exporter specification, endpoint URLs).
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_endpoint(url)
            .with_timeout(TIMEOUT)
            .build()?;
        exporter.set_resource(resource);
        Ok(Self {
            exporter,
            client,
            scope: InstrumentationScope::builder("rust-k8s-app")
                .with_version(build_info::VERSION)
                .build(),
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
        })
    }

    fn send(&self, batch: Vec<Span>) -> Result<(), String> {
        let batch = batch
            .into_iter()
            .map(|each| span::data(each, &self.scope))
            .collect();
        self.runtime
            .block_on(self.exporter.export(batch))
            .map_err(|error| match self.client.take_cause() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })
    }
}

fn export(queue: &Receiver<Message>, batches: &Batches, counts: &Spans) {
    let mut problem = String::new();
    let mut last = false;
    while !last {
        let batch;
        (batch, last) = collect(queue);
        if batch.is_empty() {
            continue;
        }
        let size = batch.len() as u64;
        match batches.send(batch) {
            Ok(()) => {
                counts.sent.fetch_add(size, Ordering::Relaxed);
                problem.clear();
            }
            Err(error) => {
                counts.dropped.fetch_add(size, Ordering::Relaxed);
                if error != problem {
                    tracing::warn!(error, "cannot send traces");
                    problem = error;
                }
            }
        }
    }
}

/// Waits for a batch; `true` if it is the last.
fn collect(queue: &Receiver<Message>) -> (Vec<Span>, bool) {
    let mut batch = Vec::new();
    let mut until = None;
    while batch.len() < BATCH {
        let wait = until.map_or(BATCH_DELAY, |until: Instant| {
            until.saturating_duration_since(Instant::now())
        });
        match queue.recv_timeout(wait) {
            Ok(Message::Span(span)) => {
                until.get_or_insert_with(|| Instant::now() + BATCH_DELAY);
                batch.push(*span);
            }
            Err(RecvTimeoutError::Timeout) => break,
            Ok(Message::Finish) | Err(RecvTimeoutError::Disconnected) => return (batch, true),
        }
    }
    (batch, false)
}
