//! Errors as problem JSON (RFC 9457).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

/// The media type of RFC 9457 §3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// An answer that says what is wrong.
pub(crate) fn answer(status: StatusCode, detail: &str) -> HttpResponse {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    HttpResponse::build(status)
        .content_type(MEDIA_TYPE)
        .body(body.to_string())
}
