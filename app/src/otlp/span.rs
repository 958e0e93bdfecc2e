//! A request's span, with the attributes of the semantic conventions for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>).

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::queue::Span;

/// The methods that the conventions list; a client could otherwise invent any number of them.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

pub(super) fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let is_known = METHODS.contains(&span.method.as_str());
    let method = if is_known {
        span.method.as_str()
    } else {
        "_OTHER"
    };
    // The name contains neither a path nor an unknown method: a client chooses both.
    let verb = if is_known { method } else { "HTTP" };
    let name = match span.route {
        Some(route) => format!("{verb} {route}"),
        None => verb.to_owned(),
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("url.path", span.path),
    ];
    if !is_known {
        attributes.push(KeyValue::new(
            "http.request.method_original",
            span.method.clone(),
        ));
    }
    attributes.extend(span.route.map(|route| KeyValue::new("http.route", route)));
    if span.status != 0 {
        let status = i64::from(span.status);
        attributes.push(KeyValue::new("http.response.status_code", status));
    }
    let failed = span.cut || span.status >= 500;
    if failed {
        let kind = if span.cut {
            "cut".to_owned()
        } else {
            span.status.to_string()
        };
        attributes.push(KeyValue::new("error.type", kind));
    }
    let parent = span
        .ids
        .parent
        .map(|id| SpanId::from_bytes(id.to_be_bytes()));
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.ids.trace.to_be_bytes()),
            SpanId::from_bytes(span.ids.span.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: name.into(),
        start_time: span.start,
        end_time: span.end,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if failed {
            Status::error("")
        } else {
            Status::Unset
        },
        instrumentation_scope: scope.clone(),
    }
}
