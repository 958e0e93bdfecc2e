//! The line of one request.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::clock;
use crate::trace::SpanIds;

/// A finished request.
#[derive(Debug)]
pub(crate) struct RequestLine {
    /// When it finished, since 1970.
    pub(crate) at: Duration,
    /// The response's `x-request-id`.
    pub(crate) id: String,
    /// One of the methods that are distinguished.
    pub(crate) method: &'static str,
    /// The route's label.
    pub(crate) route: &'static str,
    /// The path, if the route does not imply it.
    pub(crate) path: Option<Box<str>>,
    /// The response's status; 0 if there was none.
    pub(crate) status: u16,
    /// Bytes of the response's body.
    pub(crate) bytes: u64,
    /// From the complete head to the end of the response.
    pub(crate) took: Duration,
    /// The ids of the request's span.
    pub(crate) span: SpanIds,
    /// The client.
    pub(crate) client: IpAddr,
    /// Whether the connection was closed before the response was complete.
    pub(crate) cut: bool,
}

/// The fields, in the order of the line.
#[derive(Serialize)]
struct Fields<'a> {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    message: &'static str,
    request_id: &'a str,
    method: &'static str,
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    status: u16,
    bytes: u64,
    duration_us: u128,
    trace_id: String,
    client: IpAddr,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl RequestLine {
    const fn level(&self) -> &'static str {
        if self.status >= 500 || self.cut {
            "WARN"
        } else {
            "INFO"
        }
    }

    /// One JSON object and a line ending.
    pub(super) fn json(&self) -> Vec<u8> {
        let fields = Fields {
            timestamp: clock::rfc3339(self.at),
            level: self.level(),
            target: "app::request",
            message: "request",
            request_id: &self.id,
            method: self.method,
            route: self.route,
            path: self.path.as_deref(),
            status: self.status,
            bytes: self.bytes,
            duration_us: self.took.as_micros(),
            trace_id: self.span.trace_hex(),
            client: self.client,
            cut: self.cut,
        };
        let mut line = serde_json::to_vec(&fields).expect("strings and numbers serialise");
        line.push(b'\n');
        line
    }

    /// For terminals.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut line = String::with_capacity(200);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{} {:>5} app::request: {} {} status={} bytes={} duration={:?} id={} trace={} client={}",
            clock::rfc3339(self.at),
            self.level(),
            self.method,
            self.path.as_deref().unwrap_or(self.route).escape_debug(),
            self.status,
            self.bytes,
            self.took,
            self.id,
            self.span.trace_hex(),
            self.client,
        );
        line.push_str(if self.cut { " cut\n" } else { "\n" });
        line.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> RequestLine {
        RequestLine {
            at: Duration::from_secs(1),
            id: "abc".to_owned(),
            method: "GET",
            route: "not_found",
            path: Some("/a\"\u{1b}[31m\n".into()),
            status: 404,
            bytes: 3,
            took: Duration::from_micros(1500),
            span: SpanIds::of(1, None, 100),
            client: [192, 0, 2, 1].into(),
            cut: false,
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let line = String::from_utf8(line().json()).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["path"], "/a\"\u{1b}[31m\n");
        assert_eq!(value["duration_us"], 1500);
        assert_eq!(value["trace_id"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn a_path_cannot_forge_a_text_line() {
        let line = String::from_utf8(line().text()).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains('\u{1b}'), "{line}");
        assert!(line.contains("status=404 bytes=3 duration=1.5ms"), "{line}");
    }
}
