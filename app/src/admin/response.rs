//! The two kinds of responses: plain text and problem JSON.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::problem;
use crate::request_id;

pub(super) fn text(text: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(text.into())
}

/// A problem (RFC 9457).
pub(super) fn refuse(status: StatusCode, detail: &str) -> HttpResponse {
    let id = request_id::numbered(request_id::random());
    let body = problem::body(status, detail, Some(&id));
    HttpResponse::build(status)
        .insert_header(("x-request-id", id))
        .content_type(problem::MEDIA_TYPE)
        .body(body)
}
