//! Answers that are written without a request: actix-http knows none, or has given up on it. Each
//! is complete, says what is wrong (RFC 9457), and closes the connection.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::request_id;

/// Counts the answers of this process, for their ids.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// More than actix-http's answer without a body is long: a status line and three headers.
const MOST_REFUSAL_BYTES: usize = 192;

/// Something is wrong before a handler could say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canned {
    /// The request is malformed.
    BadRequest,
    /// The request did not come in time.
    Timeout,
    /// The request head is too large, or has too many headers.
    HeadTooLarge,
    /// There are as many connections as there may be.
    Full,
}

impl Canned {
    /// Where in `answers` actix-http's own answer without a body begins, which is its last word on a
    /// connection, and what it stands for. Before it may be answers to earlier requests, which came
    /// in the same packet. A body that ends in the same way looks like it.
    pub(crate) fn at_end_of(answers: &[u8]) -> Option<(usize, Self)> {
        // Most answers end with a body, and it is not looked at any further.
        let head = answers.strip_suffix(b"\r\n\r\n")?;
        let from = head.len().saturating_sub(MOST_REFUSAL_BYTES);
        let begin = head[from..].windows(7).rposition(|part| part == b"HTTP/1.");
        let at = from + begin?;
        let mut lines = head[at..].split(|byte| *byte == b'\n');
        let canned = match lines.next()?.get(9..12)? {
            b"400" => Self::BadRequest,
            b"408" => Self::Timeout,
            b"431" => Self::HeadTooLarge,
            _ => return None,
        };
        let is_empty = lines.next()? == b"content-length: 0\r";
        let is_bare =
            lines.all(|line| line.starts_with(b"connection: ") || line.starts_with(b"date: "));
        (is_empty && is_bare).then_some((at, canned))
    }

    /// The status code.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Timeout => 408,
            Self::HeadTooLarge => 431,
            Self::Full => 503,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Timeout => "Request Timeout",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::Full => "Service Unavailable",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::BadRequest => "this is no HTTP/1.1 request",
            Self::Timeout => "the request did not come in time",
            Self::HeadTooLarge => "the request head is too large or has too many headers",
            Self::Full => "there are as many connections as this pod takes; try again",
        }
    }

    /// The whole answer, and the request id that it carries.
    pub(crate) fn render(self) -> (String, String) {
        let id = request_id::numbered(COUNT.fetch_add(1, Ordering::Relaxed));
        let (status, title, detail) = (self.status(), self.title(), self.detail());
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\
             \"detail\":\"{detail}\",\"request_id\":\"{id}\"}}\n"
        );
        let retry = if self == Self::Full {
            "retry-after: 1\r\n"
        } else {
            ""
        };
        let answer = format!(
            "HTTP/1.1 {status} {title}\r\ncontent-length: {}\r\nconnection: close\r\n\
             content-type: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             x-request-id: {id}\r\n{retry}\r\n{body}",
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
    fn every_answer_is_complete_and_closes() {
        for canned in [
            Canned::BadRequest,
            Canned::Timeout,
            Canned::HeadTooLarge,
            Canned::Full,
        ] {
            let (answer, id) = canned.render();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.starts_with(&format!("HTTP/1.1 {} ", canned.status())),
                "{head}"
            );
            assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
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
    fn only_answers_without_a_body_are_replaced() {
        let check = |answers: &str, expected| {
            assert_eq!(
                Canned::at_end_of(answers.as_bytes()),
                expected,
                "{answers:?}"
            );
        };
        let date = "date: Wed, 25 Nov 2026 01:35:59 GMT\r\n\r\n";
        let bad = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n{date}");
        let long =
            "Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: keep-alive\r\n";
        check(&bad, Some((0, Canned::BadRequest)));
        check(
            &format!("HTTP/1.0 431 {long}{date}"),
            Some((0, Canned::HeadTooLarge)),
        );
        let before = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{date}HTTP/1.1 408 x");
        check(
            &format!("{before}{bad}"),
            Some((before.len(), Canned::BadRequest)),
        );
        check(
            &format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{date}"),
            None,
        );
        check(&format!("{bad}more"), None);
        check(&bad.replace("date", "x-request-id"), None);
        check(&bad.replace('0', "3"), None);
        check("HTTP/1.1 4\r\n\r\n", None);
        check("", None);
    }
}
