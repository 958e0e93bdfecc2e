//! Protobuf, as much of it as an `ExportTraceServiceRequest` needs
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto>).
//! Written by hand: five messages do not need a code generator in the build.

use super::queue::Span;

/// `SPAN_KIND_SERVER`.
const KIND_SERVER: u64 = 2;
/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u64 = 2;

/// Who sends: attributes of the resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Resource {
    pub(super) attributes: Vec<(&'static str, String)>,
}

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            // The low seven bits, and one that says there are more.
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn fixed64(&mut self, field: u64, value: u64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, value: u32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn message(&mut self, field: u64, build: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        build(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attribute(&mut self, field: u64, key: &str, value: &Value<'_>) {
        self.message(field, |pair| {
            pair.bytes(1, key.as_bytes());
            pair.message(2, |any| match value {
                Value::Text(text) => any.bytes(1, text.as_bytes()),
                Value::Number(number) => any.number(3, *number),
            });
        });
    }
}

enum Value<'a> {
    Text(&'a str),
    Number(u64),
}

/// An `ExportTraceServiceRequest` with these spans.
pub(super) fn request(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |message| {
            for (key, value) in &resource.attributes {
                message.attribute(1, key, &Value::Text(value));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.bytes(1, b"rust-k8s-app");
                scope.bytes(2, crate::build_info::VERSION.as_bytes());
            });
            for each in spans {
                scope_spans.message(2, |message| span(message, each));
            }
        });
    });
    request.0
}

/// One span, with the attributes of the semantic conventions for HTTP servers
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>).
fn span(message: &mut Message, span: &Span) {
    message.bytes(1, &span.ids.trace.to_be_bytes());
    message.bytes(2, &span.ids.span.to_be_bytes());
    if let Some(parent) = span.ids.parent {
        message.bytes(4, &parent.to_be_bytes());
    }
    message.bytes(5, format!("{} {}", span.method, span.route).as_bytes());
    message.number(6, KIND_SERVER);
    message.fixed64(7, span.start_nanos);
    message.fixed64(8, span.end_nanos);
    message.attribute(9, "http.request.method", &Value::Text(span.method));
    message.attribute(9, "http.route", &Value::Text(span.route));
    message.attribute(9, "url.scheme", &Value::Text("http"));
    if span.status != 0 {
        let status = Value::Number(span.status.into());
        message.attribute(9, "http.response.status_code", &status);
    }
    if span.cut || span.status >= 500 {
        let kind = if span.cut {
            "cut".to_owned()
        } else {
            span.status.to_string()
        };
        message.attribute(9, "error.type", &Value::Text(&kind));
        message.message(15, |status| status.number(3, STATUS_ERROR));
    }
    message.fixed32(16, u32::from(span.ids.sampled));
}
