//! Plain requests: a `GET` or `HEAD` of one of the one-line routes, complete in one read, without a header
//! that any handler reads.
//!
//! Nearly all requests behind a load balancer are plain, and cost one read and one write: they are
//! recognised by their bytes, and most of the response is reused from the last one. No header map is
//! filled or serialised. A request that is not recognised is not an error; actix-http parses it.
//! [`recognise()`] is therefore stricter than a parser: it knows the headers without effect, and rejects
//! all others.

mod recognise;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use self::recognise::recognise;
use crate::clock::HttpDate;
use crate::edge::conn::Conn;
use crate::edge::fast_path::{After, AnswerPlain};
use crate::metrics::counters::METHOD_HEAD;
use crate::routes::Route;
use crate::service::exchange::Exchange;
use crate::service::handlers::line;
use crate::service::headers::{ALWAYS, Media, X_REQUEST_ID};
use crate::service::worker::Worker;

/// Answers one worker's plain requests.
pub(crate) struct PlainService {
    worker: Rc<Worker>,
    /// The last response, by whether the connection is kept and by route. The next one differs in its id, and
    /// once a second in its date.
    last: RefCell<[[Option<Written>; Route::COUNT]; 2]>,
    /// No request is plain: each may have faults in its headers.
    off: bool,
    /// Whether `X-Forwarded-For` may name the client.
    believes_forwarded: bool,
}

impl PlainService {
    pub(crate) fn new(worker: Rc<Worker>) -> Self {
        let settings = &worker.shared.settings;
        Self {
            off: settings.faults,
            believes_forwarded: !settings.trusted_proxies.is_empty(),
            last: RefCell::default(),
            worker,
        }
    }
}

impl AnswerPlain for PlainService {
    fn answer(&self, conn: &Rc<Conn>, request: &[u8], out: &mut Vec<u8>) -> Option<After> {
        if self.off || conn.is_for_probes_only() {
            return None;
        }
        let limits = &self.worker.shared.settings.limits;
        let plain = recognise(request, limits, self.believes_forwarded)?;
        let body = line(&self.worker, plain.route)?;
        let after = if plain.closes || self.worker.is_draining() {
            After::Close
        } else {
            After::Keep
        };
        let exchange = Exchange::plain(&self.worker, conn, plain.route, plain.method, body.len());
        let id = self.worker.id_digits(exchange.number);
        let last = &mut self.last.borrow_mut()[after as usize][plain.route as usize];
        match last {
            Some(last) if last.is_of(&body, self.worker.date()) => last.name(id),
            _ => *last = Some(Written::new(body, self.worker.date(), id, after)),
        }
        let written = last.as_ref().expect("it was there, or is now");
        out.extend_from_slice(if plain.method == METHOD_HEAD {
            written.head()
        } else {
            &written.bytes
        });
        Some(after)
    }
}

/// A whole response.
struct Written {
    bytes: Vec<u8>,
    /// Where its id begins.
    id_at: usize,
    date: HttpDate,
    body: Bytes,
}

impl Written {
    fn new(body: Bytes, date: HttpDate, id: [u8; 16], after: After) -> Self {
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
    fn is_of(&self, body: &Bytes, date: HttpDate) -> bool {
        self.body.as_ptr() == body.as_ptr() && self.body.len() == body.len() && self.date == date
    }

    /// The response to `HEAD`.
    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - self.body.len()]
    }

    fn name(&mut self, id: [u8; 16]) {
        self.bytes[self.id_at..][..id.len()].copy_from_slice(&id);
    }
}
