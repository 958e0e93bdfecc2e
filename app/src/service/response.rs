//! Responses and the headers that every one of them carries.

use actix_http::header::{self, HeaderName, HeaderValue};
use actix_http::{ConnectionType, Method, Response, StatusCode};
use bytes::Bytes;

use super::exchange::Exchange;
use super::headers::{ALWAYS, Media, TRACEPARENT, X_REQUEST_ID};
use super::response_body::{Content, ResponseBody};
use crate::problem;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The response to `exchange`.
pub(crate) fn respond(
    mut exchange: Exchange,
    status: StatusCode,
    media: Media,
    bytes: Bytes,
) -> Response<ResponseBody> {
    exchange.answered(status, bytes.len());
    respond_with(exchange, status, media, Content::Whole(bytes))
}

/// The response to `exchange` with a body in pieces; without a body to `HEAD`.
pub(super) fn stream(
    mut exchange: Exchange,
    media: Media,
    content: Content,
) -> Response<ResponseBody> {
    if exchange.method() == Method::HEAD.as_str() {
        return respond(exchange, StatusCode::OK, media, Bytes::new());
    }
    exchange.streams(StatusCode::OK);
    respond_with(exchange, StatusCode::OK, media, content)
}

fn respond_with(
    exchange: Exchange,
    status: StatusCode,
    media: Media,
    content: Content,
) -> Response<ResponseBody> {
    let id = exchange.id();
    let traceparent = exchange.traceparent();
    let closes = exchange.closes();
    let mut response = Response::with_body(status, ResponseBody::new(content, exchange));
    let head = response.head_mut();
    if closes {
        head.set_connection_type(ConnectionType::Close);
    }
    let headers = head.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.text()));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(X_REQUEST_ID, id);
    if let Some(traceparent) = traceparent {
        headers.insert(TRACEPARENT, traceparent);
    }
    response
}

/// A problem (RFC 9457).
pub(crate) fn refuse(
    exchange: Exchange,
    status: StatusCode,
    detail: &str,
) -> Response<ResponseBody> {
    let id = exchange.id();
    let body = problem::body(status, detail, id.to_str().ok());
    respond(exchange, status, Media::Problem, body.into())
}

/// Adds the security headers of a page: it loads nothing from elsewhere, cannot be framed, and sends
/// no referrer.
pub(crate) fn guard_page(response: &mut Response<ResponseBody>, policy: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(COOP, HeaderValue::from_static("same-origin"));
    headers.insert(CORP, HeaderValue::from_static("same-origin"));
    let nothing = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(nothing));
}
