//! Errors as problem JSON (RFC 9457).

use actix_http::StatusCode;
use serde::Serialize;

/// The media type of RFC 9457 §3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The members of a problem. Its type is `about:blank`: the status is sufficient (§4.2.1).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

/// A problem's JSON, with a line ending for terminals.
pub(crate) fn body(status: StatusCode, detail: &str, request_id: Option<&str>) -> Vec<u8> {
    let problem = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail,
        request_id,
    };
    let mut body = serde_json::to_vec(&problem).expect("strings and a number serialise");
    body.push(b'\n');
    body
}
