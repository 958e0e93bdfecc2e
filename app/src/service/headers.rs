//! Headers that requests and responses share, and those that every response carries.

use actix_http::header::{self, HeaderName};

use crate::problem;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The media type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Text,
    Html,
    Json,
    Problem,
    Binary,
    Events,
}

impl Media {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Problem => problem::MEDIA_TYPE,
            Self::Binary => "application/octet-stream",
            Self::Events => "text/event-stream",
        }
    }
}

/// Headers of every response: it is never stored, and its type is never guessed.
pub(super) const ALWAYS: [(HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
