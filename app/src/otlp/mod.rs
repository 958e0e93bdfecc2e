//! Traces, sent to an OpenTelemetry collector (OTLP 1, HTTP with protobuf:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>). One span a request. No TLS: a collector in
//! the cluster is asked, which can speak TLS to the outside.

mod encode;
mod export;
mod queue;

pub(crate) use export::start;
pub(crate) use queue::{Finished, Spans};
