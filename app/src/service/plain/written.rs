//! The bytes of a response, written once for those that follow.

use bytes::Bytes;

use crate::clock::HttpDate;
use crate::edge::fast_path::After;
use crate::service::headers::{ALWAYS, Media, X_REQUEST_ID};

/// A whole response.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    /// Where its id begins.
    id_at: usize,
    date: HttpDate,
    body: Bytes,
}

impl Written {
    pub(super) fn new(body: Bytes, date: HttpDate, id: [u8; 16], after: After) -> Self {
        let mut bytes = b"HTTP/1.1 200 OK".to_vec();
        let mut header = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.len() - value.len()
        };
        if after == After::Close {
            header("connection", b"close");
        }
        header("content-length", body.len().to_string().as_bytes());
        header("content-type", Media::Text.text().as_bytes());
        for (name, value) in &ALWAYS {
            header(name.as_str(), value.as_bytes());
        }
        header("date", &date);
        let id_at = header(X_REQUEST_ID.as_str(), &id);
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&body);
        Self {
            bytes,
            id_at,
            date,
            body,
        }
    }

    /// Whether a new response would be the same except for its id. The body is kept, so that no other one can
    /// have its address.
    pub(super) fn is_of(&self, body: &Bytes, date: HttpDate) -> bool {
        self.body.as_ptr() == body.as_ptr() && self.body.len() == body.len() && self.date == date
    }

    /// The response to `HEAD`.
    pub(super) fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - self.body.len()]
    }

    pub(super) fn name(&mut self, id: [u8; 16]) {
        self.bytes[self.id_at..][..id.len()].copy_from_slice(&id);
    }
}
