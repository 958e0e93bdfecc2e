//! Traces: one span a request, queued ([`queue`]), described by the semantic conventions
//! ([`span`]), and sent to an OpenTelemetry collector ([`export`]) by `opentelemetry-otlp` over an
//! HTTP client ([`client`]).
//!
//! The queue is the service's own: `/metrics` counts the spans that it drops, which the SDK's
//! processor only logs.

mod client;
mod export;
mod queue;
mod span;

pub(crate) use export::start;
pub(crate) use queue::{Finished, Spans};
