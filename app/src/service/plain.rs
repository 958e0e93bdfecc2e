//! The requests that need nothing but their answer: a `GET` or `HEAD` of one of the one-line routes,
//! whole in one read, with no header that any handler looks at.
//!
//! Nearly all requests behind a load balancer are of this kind, and the work for them is a read and
//! a write. So they are recognised by their bytes and answered from a head that is mostly written
//! already: no header map is filled, emptied and written out. What is not recognised
//! is not an error, but left to actix-http. [`recognise`] is therefore stricter than any parser: it knows the headers
//! that change nothing, and leaves every other one alone.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::accept::prefers_html;
use super::exchange::Exchange;
use super::handlers::line;
use super::headers::{ALWAYS, Media, X_REQUEST_ID};
use super::host;
use super::worker::Worker;
use crate::clock::HttpDate;
use crate::edge::conn::Conn;
use crate::edge::fast_path::{After, AnswerPlain};
use crate::metrics::counters::{METHOD_GET, METHOD_HEAD};
use crate::routes::Route;
use crate::settings::Limits;

/// Headers that no handler looks at, whatever is in them: those that clients send with every
/// request, and those that AWS's load balancers add.
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

/// Answers one worker's plain requests.
pub(crate) struct PlainService {
    worker: Rc<Worker>,
    /// By what follows it and by route, the last answer: the next one differs in its id, and once a
    /// second in its date.
    last: RefCell<[[Option<Written>; Route::COUNT]; 2]>,
    /// Faults are looked for in each request's headers.
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

/// A whole answer.
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

    /// Whether it would be written the same, but for the id. The body is held, so that no other can
    /// be at its address.
    fn is_of(&self, body: &Bytes, date: HttpDate) -> bool {
        self.body.as_ptr() == body.as_ptr() && self.body.len() == body.len() && self.date == date
    }

    /// What a `HEAD` gets.
    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - self.body.len()]
    }

    fn name(&mut self, id: [u8; 16]) {
        self.bytes[self.id_at..][..id.len()].copy_from_slice(&id);
    }
}

/// What there is to know of a plain request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plain {
    route: Route,
    /// Its column in the metrics.
    method: u8,
    /// The client asks for no further one.
    closes: bool,
}

/// Reads a request that is exactly one whole head (RFC 9112 §3 and §5) without anything that would
/// change its answer.
fn recognise(request: &[u8], limits: &Limits, believes_forwarded: bool) -> Option<Plain> {
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
    // A query would make it another text than any route's.
    let route = match Route::of(std::str::from_utf8(path).ok()?) {
        Route::NotFound => return None,
        known => known,
    };
    let (mut count, mut hosts, mut closes) = (0, 0, false);
    for line in lines {
        let field = line.strip_prefix(b"\n")?;
        let colon = field.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&field[..colon], &field[colon + 1..]);
        // A lone line end, an obsolete fold, other text than ASCII: for the parser to judge.
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

#[cfg(test)]
mod tests {
    use actix_http::h1::{Codec, Message, MessageType};
    use actix_http::{HttpMessage as _, ServiceConfig};
    use bytes::BytesMut;
    use proptest::prelude::*;
    use tokio_util::codec::Decoder as _;

    use std::sync::Arc;

    use super::*;
    use crate::lifecycle::State;
    use crate::metrics::counters::method_index;
    use crate::settings::Settings;
    use crate::shared::Shared;

    const LIMITS: Limits = Limits {
        connections: 1,
        header_bytes: 200,
        headers: 6,
        body_bytes: 1,
        memory_bytes: None,
    };

    fn check(request: &str, expected: Option<Route>) {
        let found = recognise(request.as_bytes(), &LIMITS, false).map(|plain| plain.route);
        assert_eq!(found, expected, "{request:?}");
    }

    #[test]
    fn requests_of_common_clients_are_recognised() {
        let root = Some(Route::Root);
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", root);
        check(
            "GET /readyz HTTP/1.1\r\nhost:x\r\n\r\n",
            Some(Route::Readyz),
        );
        check(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.1\r\nAccept: */*\r\n\r\n",
            root,
        );
        check(
            "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n\
             X-Forwarded-Port: 80\r\nHost: x\r\nX-Amzn-Trace-Id: Root=1-2\r\n\
             Connection: Keep-Alive\r\n\r\n",
            root,
        );
    }

    #[test]
    fn requests_that_need_a_parser_are_left_alone() {
        for header in [
            "Accept: text/html",
            "Connection: keep-alive, close",
            "Content-Length: 0",
            "Expect: 100-continue",
            "Host: y",
            "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "Transfer-Encoding: chunked",
            "Upgrade: websocket",
            "User-Agent : x",
            "User-Agent: \u{fc}",
            "User-Agent: x\ny: z",
            "X-App-Fault: status=503",
            "X-Request-Id: a",
            " folded: x",
            "nothing",
        ] {
            check(
                &format!("GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"),
                None,
            );
        }
        for request in [
            "",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n",
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "GET /?x HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nG",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            check(request, None);
        }
    }

    #[test]
    fn a_client_may_ask_for_the_head_alone_and_for_the_end() {
        let check = |request: &str, method, closes| {
            let plain = recognise(request.as_bytes(), &LIMITS, false).unwrap();
            assert_eq!(
                (plain.method, plain.closes),
                (method, closes),
                "{request:?}"
            );
        };
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", METHOD_GET, false);
        check("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", METHOD_HEAD, false);
        let close = "GET / HTTP/1.1\r\nConnection: Close\r\nHost: x\r\n\r\n";
        check(close, METHOD_GET, true);
        let both =
            "HEAD / HTTP/1.1\r\nHost: x\r\nconnection: close\r\nconnection: keep-alive\r\n\r\n";
        check(both, METHOD_HEAD, true);
    }

    #[test]
    fn requests_over_a_limit_are_left_alone() {
        let with = |headers: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        check(&with(&"Via: x\r\n".repeat(5)), Some(Route::Root));
        check(&with(&"Via: x\r\n".repeat(6)), None);
        check(&with(&format!("Via: {}\r\n", "x".repeat(180))), None);
    }

    #[test]
    fn forwarded_for_matters_where_proxies_are_trusted() {
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\n\r\n";
        assert!(recognise(request, &LIMITS, false).is_some());
        assert_eq!(recognise(request, &LIMITS, true), None);
    }

    /// A worker of a service that is ready.
    fn worker() -> Rc<Worker> {
        let settings = Settings::from_env([], "host").unwrap();
        let (logs, filter) = crate::logs::start("off", settings.log_format).unwrap();
        #[cfg(feature = "otlp")]
        let (spans, _) = crate::otlp::start(&settings);
        let shared = Shared::new(
            settings,
            1,
            u64::MAX,
            logs,
            filter,
            #[cfg(feature = "otlp")]
            spans,
        );
        shared.life.advance(State::Ready);
        Rc::new(Worker::new(Arc::new(shared), 0))
    }

    #[test]
    fn successive_answers_differ_in_their_id_alone() {
        let worker = worker();
        let service = PlainService::new(Rc::clone(&worker));
        let peer = ([127, 0, 0, 1], 1).into();
        let conn = Rc::new(Conn::new(peer, Rc::default(), 1));
        let answer = || {
            let mut out = Vec::new();
            let answered = service.answer(&conn, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", &mut out);
            answered.map(|after| (String::from_utf8(out).unwrap(), after))
        };
        let ((first, after), (second, _)) = (answer().unwrap(), answer().unwrap());
        assert_eq!(after, After::Keep);
        let id = |answer: &str| {
            let (_, rest) = answer.split_once("x-request-id: ").unwrap();
            rest[..16].to_owned()
        };
        assert_ne!(id(&first), id(&second));
        assert_eq!(first.replace(&id(&first), &id(&second)), second);
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
        assert!(
            first.ends_with("\r\n\r\nHello from Rust on Kubernetes!\n"),
            "{first}"
        );
        worker.shared.life.advance(State::Draining);
        let (last, after) = answer().unwrap();
        assert_eq!(after, After::Close, "a draining pod closes the connection");
        assert!(last.contains("\r\nconnection: close\r\n"), "{last}");
    }

    /// Mostly valid values, and sometimes others.
    fn mostly(
        right: &'static [&'static str],
        wrong: &'static [&'static str],
    ) -> impl Strategy<Value = &'static str> {
        prop_oneof![
            12 => prop::sample::select(right),
            1 => prop::sample::select(wrong)
        ]
    }

    /// Parts of heads that come together in every way.
    fn head() -> impl Strategy<Value = String> {
        let line = (
            mostly(&["GET ", "HEAD "], &["get ", "GET\t", "POST "]),
            mostly(&["/", "/healthz", "/readyz"], &["/?", "//", "*", "", "/x"]),
            mostly(
                &[" HTTP/1.1\r\n"],
                &[" HTTP/1.0\r\n", "  HTTP/1.1\r\n", " HTTP/1.1\n", "\r\n"],
            ),
        );
        let names = mostly(
            &["host", "Host", "user-agent", "Accept", "connection", "via"],
            &[
                "content-length",
                "transfer-encoding",
                "upgrade",
                "expect",
                "x-request-id",
                "",
            ],
        );
        let values = mostly(
            &["x", "", "keep-alive", "close", "*/*", "a\tb"],
            &[
                "close",
                "chunked",
                "0",
                "5",
                "text/html",
                "websocket",
                "100-continue",
                "\u{e9}",
                "\0",
            ],
        );
        let field = (
            names,
            mostly(&[": ", ":"], &[" : ", "\r\n "]),
            values,
            mostly(&["\r\n"], &["\n", "\r", " \r\n"]),
        );
        let end = mostly(&["\r\n"], &["\n", "", "\r\n\r\n", "\r\nGET / "]);
        let fields = prop::collection::vec(field, 0..6);
        (line, fields, end).prop_map(|((method, path, version), fields, end)| {
            let fields = fields.into_iter();
            let fields: String = fields.map(|(a, b, c, d)| [a, b, c, d].concat()).collect();
            [method, path, version, &fields, end].concat()
        })
    }

    /// Or a request would be smuggled past whoever reads it as actix-http does.
    #[test]
    fn what_is_recognised_is_the_same_request_to_actix_http() {
        // actix-http's configuration comes with a task that keeps the time.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let tasks = tokio::task::LocalSet::new();
        let config = tasks.block_on(&runtime, async { ServiceConfig::default() });
        let found = std::cell::Cell::new(0);
        let cases = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(20_000)
        };
        proptest!(cases, |(head in head())| {
            let Some(plain) = recognise(head.as_bytes(), &LIMITS, false) else {
                return Ok(());
            };
            let mut bytes = BytesMut::from(head.as_bytes());
            let mut codec = Codec::new(config.clone());
            let decoded = codec.decode(&mut bytes);
            let Ok(Some(Message::Item(request))) = decoded else {
                panic!("{head:?}: {decoded:?}");
            };
            prop_assert!(bytes.is_empty(), "{head:?} leaves {bytes:?}");
            prop_assert_eq!(method_index(&request.head().method), plain.method);
            prop_assert_eq!(Route::of(request.head().uri.path()), plain.route);
            prop_assert_eq!(codec.keep_alive(), !plain.closes);
            prop_assert!(!codec.upgrade() && !request.head().expect());
            prop_assert!(matches!(codec.message_type(), MessageType::None));
            for looked_at in ["x-request-id", "content-length", "transfer-encoding"] {
                prop_assert!(!request.headers().contains_key(looked_at));
            }
            found.set(found.get() + 1);
        });
        assert!(found.get() > 500, "only {} were recognised", found.get());
    }
}
