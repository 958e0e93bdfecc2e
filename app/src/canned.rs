//! Complete responses to what never became a request, because actix-http rejected it or never got it.
//! Each is a problem (RFC 9457) and closes the connection.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::request_id;

/// Counts these responses, for their ids.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The reason for a response that no handler writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canned {
    /// The request is malformed.
    BadRequest,
    /// The request did not arrive in time.
    Timeout,
    /// The request head is too large, or has too many headers.
    HeadTooLarge,
    /// The connection limit is reached.
    Full,
    /// The memory budget is exceeded, and this connection holds the most.
    Overloaded,
    /// The request has an unknown transfer coding.
    UnknownCoding,
}

impl Canned {
    /// All reasons.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] = [
        Self::BadRequest,
        Self::Timeout,
        Self::HeadTooLarge,
        Self::Full,
        Self::Overloaded,
        Self::UnknownCoding,
    ];

    /// The replacement for a response that actix-http writes without a body.
    pub(crate) fn instead_of(answer: &[u8]) -> Option<Self> {
        let status = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
        match status {
            b"400" => Some(Self::BadRequest),
            b"408" => Some(Self::Timeout),
            b"431" => Some(Self::HeadTooLarge),
            _ => None,
        }
    }

    /// The status code.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Timeout => 408,
            Self::HeadTooLarge => 431,
            Self::Full | Self::Overloaded => 503,
            Self::UnknownCoding => 501,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Timeout => "Request Timeout",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::Full | Self::Overloaded => "Service Unavailable",
            Self::UnknownCoding => "Not Implemented",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::BadRequest => "malformed HTTP/1.1 request",
            Self::Timeout => "the request did not arrive in time",
            Self::HeadTooLarge => "the request head is too large or has too many headers",
            Self::Full => "this pod has reached its connection limit; try again",
            Self::Overloaded => "this pod is short of memory for requests; try again",
            Self::UnknownCoding => "unknown transfer coding: only chunked is supported",
        }
    }

    /// The whole response, and the request id in it.
    pub(crate) fn render(self) -> (String, String) {
        let id = request_id::numbered(COUNT.fetch_add(1, Ordering::Relaxed));
        let (status, title, detail) = (self.status(), self.title(), self.detail());
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\
             \"detail\":\"{detail}\",\"request_id\":\"{id}\"}}\n"
        );
        let retry = if self.status() == 503 {
            "retry-after: 1\r\n"
        } else {
            ""
        };
        let date = clock::http_date(clock::unix_now().as_secs());
        let date = String::from_utf8_lossy(&date);
        let answer = format!(
            "HTTP/1.1 {status} {title}\r\ncontent-length: {}\r\nconnection: close\r\n\
             content-type: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             date: {date}\r\nx-request-id: {id}\r\n{retry}\r\n{body}",
            body.len(),
            crate::problem::MEDIA_TYPE,
        );
        (answer, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_response_is_complete_and_closes() {
        for canned in Canned::ALL {
            let (answer, id) = canned.render();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.starts_with(&format!("HTTP/1.1 {} ", canned.status())),
                "{head}"
            );
            assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
            assert!(head.contains("\r\ndate: "), "{head}");
            assert!(
                head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())),
                "{head}"
            );
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["status"], canned.status());
            assert_eq!(body["request_id"], id);
        }
    }

    #[test]
    fn only_responses_without_a_body_are_replaced() {
        assert_eq!(
            Canned::instead_of(b"HTTP/1.1 400 Bad Request\r\n"),
            Some(Canned::BadRequest)
        );
        assert_eq!(
            Canned::instead_of(b"HTTP/1.0 431 R"),
            Some(Canned::HeadTooLarge)
        );
        assert_eq!(Canned::instead_of(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(Canned::instead_of(b"HTTP/1.1 4"), None);
    }
}
