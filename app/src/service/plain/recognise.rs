//! Recognises a plain request by its bytes.

use crate::metrics::counters::{METHOD_GET, METHOD_HEAD};
use crate::routes::Route;
use crate::service::accept::prefers_html;
use crate::service::host;
use crate::settings::Limits;

/// Headers that no handler reads: those that clients send with every request, and those that the load
/// balancers of AWS add.
const WITHOUT_EFFECT: [&[u8]; 10] = [
    b"user-agent",
    b"accept-encoding",
    b"accept-language",
    b"cache-control",
    b"pragma",
    b"dnt",
    b"via",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-amzn-trace-id",
];

/// A plain request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) route: Route,
    /// Its column in the metrics.
    pub(super) method: u8,
    /// The client asks to close the connection.
    pub(super) closes: bool,
}

/// Reads a request that is exactly one complete head (RFC 9112 §3 and §5) and has nothing that would change
/// its response.
pub(super) fn recognise(
    request: &[u8],
    limits: &Limits,
    believes_forwarded: bool,
) -> Option<Plain> {
    if request.len() > limits.header_bytes {
        return None;
    }
    let (method, rest) = match request {
        [b'G', b'E', b'T', b' ', rest @ ..] => (METHOD_GET, rest),
        [b'H', b'E', b'A', b'D', b' ', rest @ ..] => (METHOD_HEAD, rest),
        _ => return None,
    };
    let head = rest.strip_suffix(b"\r\n\r\n")?;
    let mut lines = head.split(|byte| *byte == b'\r');
    let path = lines.next()?.strip_suffix(b" HTTP/1.1")?;
    // A path with a query is not the path of a route.
    let route = match Route::of(std::str::from_utf8(path).ok()?) {
        Route::NotFound => return None,
        known => known,
    };
    let (mut count, mut hosts, mut closes) = (0, 0, false);
    for line in lines {
        let field = line.strip_prefix(b"\n")?;
        let colon = field.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&field[..colon], &field[colon + 1..]);
        // A lone line ending, an obsolete fold or other text than ASCII is left to the parser.
        if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return None;
        }
        count += 1;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let without_effect = if is(b"host") {
            hosts += 1;
            host::is_valid(value)
        } else if is(b"connection") {
            let value = value.trim_ascii();
            let is_close = value.eq_ignore_ascii_case(b"close");
            closes |= is_close;
            is_close || value.eq_ignore_ascii_case(b"keep-alive")
        } else if is(b"accept") {
            !prefers_html([value])
        } else if is(b"x-forwarded-for") {
            !believes_forwarded
        } else {
            WITHOUT_EFFECT.into_iter().any(is)
        };
        if !without_effect {
            return None;
        }
    }
    (hosts == 1 && count <= limits.headers).then_some(Plain {
        route,
        method,
        closes,
    })
}
