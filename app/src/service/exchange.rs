//! One request and its response, from the complete head until actix-http has the last byte. Whatever the
//! outcome, it is counted, logged and traced once: by [`Drop`].

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use actix_http::header::{self, HeaderValue};
use actix_http::{HttpMessage as _, Method, Payload, Request, StatusCode};
use bytes::Bytes;

use super::headers::X_REQUEST_ID;
use super::worker::Worker;
use crate::client_address;
use crate::close_reason::CloseReason;
use crate::edge::conn::Conn;
use crate::edge::framing::Body;
use crate::logs::RequestLine;
use crate::metrics::counters::{METHODS, method_index};
use crate::routes::Route;
use crate::trace::{SpanIds, TraceParent};

/// The longest path that a log line or a span repeats, in characters.
const MAX_LOGGED_PATH: usize = 128;

/// The longest unknown method that a span repeats, in characters.
const MAX_METHOD: usize = 32;

/// A request that is being answered. It is moved often, so parts that few requests have are boxed.
pub(crate) struct Exchange {
    pub(crate) worker: Rc<Worker>,
    pub(crate) conn: Rc<Conn>,
    /// The number of the request among the worker's; its ids are derived from it.
    pub(crate) number: u64,
    given: Option<Box<Given>>,
    begun: Instant,
    bytes: u32,
    status: u16,
    pub(crate) route: Route,
    method: u8,
    /// The body has bytes that no handler has read.
    unread: bool,
    closes: bool,
    finished: bool,
}

/// What a request carries besides its route.
#[derive(Default)]
struct Given {
    /// The client's id for the request.
    id: Option<HeaderValue>,
    /// The caller's trace.
    parent: Option<TraceParent>,
    /// The client that a trusted proxy names.
    client: Option<IpAddr>,
    /// The path, if the route does not imply it.
    path: Option<Box<str>>,
    /// The method, if it is not one of [`METHODS`].
    #[cfg_attr(
        not(feature = "otlp"),
        expect(dead_code, reason = "only a span names the method")
    )]
    method: Option<Box<str>>,
}

/// The beginning of a text from a client.
fn cut(text: &str, chars: usize) -> Box<str> {
    text.chars().take(chars).collect::<String>().into()
}

impl Given {
    fn of(worker: &Worker, conn: &Conn, request: &Request, route: Route) -> Option<Box<Self>> {
        let head = request.head();
        let id = head
            .headers
            .get(X_REQUEST_ID)
            .filter(|id| crate::request_id::is_acceptable(id.as_bytes()));
        let parent = TraceParent::of(&head.headers);
        let trusted = &worker.shared.settings.trusted_proxies;
        let forwarded = if trusted.is_empty() {
            None
        } else {
            client_address::joined(&head.headers, header::X_FORWARDED_FOR)
        };
        let path = route
            .has_parameter()
            .then(|| cut(head.uri.path(), MAX_LOGGED_PATH));
        let method = (!METHODS.contains(&head.method.as_str()))
            .then(|| cut(head.method.as_str(), MAX_METHOD));
        if id.is_none()
            && parent.is_none()
            && forwarded.is_none()
            && path.is_none()
            && method.is_none()
        {
            return None;
        }
        let client = forwarded.map(|value| {
            let source = conn.proxied();
            client_address::believe(conn.peer.ip(), source, Some(&value), trusted).address
        });
        Some(Box::new(Self {
            id: id.cloned(),
            parent,
            client,
            path,
            method,
        }))
    }
}

/// The route of a request, as far as the settings allow it.
pub(super) fn route_of(worker: &Worker, request: &Request) -> Route {
    match Route::of(request.head().uri.path()) {
        sample if sample.is_sample() && !worker.shared.settings.sample_routes => Route::NotFound,
        route => route,
    }
}

/// The body of a request that has one (RFC 9112 §6.3); the parser has refused what is ambiguous.
fn body(request: &Request) -> Body {
    if request.chunked().unwrap_or(false) {
        return Body::CHUNKED;
    }
    let length = request.head().headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.trim().parse().ok());
    length.map_or(Body::ENDLESS, Body::Length)
}

impl Exchange {
    pub(crate) fn begin(worker: &Rc<Worker>, conn: &Rc<Conn>, request: &mut Request) -> Self {
        let route = route_of(worker, request);
        let method = method_index(&request.head().method);
        let given = Given::of(worker, conn, request, route);
        let has_body = !matches!(request.payload(), Payload::None);
        let body = if has_body { body(request) } else { Body::NONE };
        let mut exchange = Self::new(worker, conn, route, method, body);
        exchange.given = given;
        exchange.unread = has_body;
        // A body that no handler reads would have to be skipped to find the next request.
        exchange.closes =
            has_body || route == Route::Hop || worker.is_draining() || conn.is_for_probes_only();
        exchange
    }

    /// A `GET` or `HEAD` without other details, answered at once with 200 and this many bytes.
    pub(crate) fn plain(
        worker: &Rc<Worker>,
        conn: &Rc<Conn>,
        route: Route,
        method: u8,
        bytes: usize,
    ) -> Self {
        let mut exchange = Self::new(worker, conn, route, method, Body::NONE);
        exchange.answered(StatusCode::OK, bytes);
        exchange.finish();
        exchange
    }

    fn new(worker: &Rc<Worker>, conn: &Rc<Conn>, route: Route, method: u8, body: Body) -> Self {
        conn.on_request(body);
        worker.counters.in_flight.add(1);
        Self {
            worker: Rc::clone(worker),
            conn: Rc::clone(conn),
            number: worker.next_number(),
            given: None,
            begun: Instant::now(),
            bytes: 0,
            status: 0,
            route,
            method,
            unread: false,
            closes: false,
            finished: false,
        }
    }

    fn parent(&self) -> Option<TraceParent> {
        self.given.as_ref()?.parent
    }

    /// The response's `x-request-id`.
    pub(crate) fn id(&self) -> HeaderValue {
        match self.given.as_ref().and_then(|given| given.id.as_ref()) {
            Some(id) => id.clone(),
            None => self.worker.id_value(self.number),
        }
    }

    fn span(&self) -> SpanIds {
        let percent = self.worker.shared.settings.trace_percent;
        SpanIds::of(
            self.worker.seed.wrapping_add(self.number),
            self.parent(),
            percent,
        )
    }

    /// The header that continues the caller's trace, if there is one.
    pub(crate) fn traceparent(&self) -> Option<HeaderValue> {
        self.parent()?;
        HeaderValue::from_maybe_shared(Bytes::from(self.span().header())).ok()
    }

    pub(crate) fn method(&self) -> &'static str {
        METHODS[usize::from(self.method)]
    }

    /// Whether the connection is closed after this response.
    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// Closes the connection after this response.
    pub(crate) fn close(&mut self) {
        self.closes = true;
    }

    /// A handler has read the whole body.
    pub(crate) fn body_is_read(&mut self) {
        self.unread = false;
        self.closes = self.worker.is_draining();
    }

    pub(crate) fn answered(&mut self, status: StatusCode, bytes: usize) {
        self.status = status.as_u16();
        // No body is sent in response to HEAD, and actix-http never polls an empty one.
        let sent = if self.method() == Method::HEAD.as_str() {
            0
        } else {
            bytes
        };
        self.bytes = u32::try_from(sent).unwrap_or(u32::MAX);
        self.finished = bytes == 0;
    }

    /// The response has a head, and its body follows in pieces.
    pub(crate) fn streams(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// actix-http has a piece of the body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// actix-http has the last byte.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    fn log(&self, took: std::time::Duration, cut: bool) {
        let problem = cut || self.status >= 400;
        if !self.worker.may_log(problem, self.route) {
            return;
        }
        let nearest = || match self.conn.proxied() {
            Some(source) => source.client.ip(),
            None => self.conn.peer.ip(),
        };
        let line = RequestLine {
            at: crate::clock::unix_now(),
            id: String::from_utf8_lossy(self.id().as_bytes()).into_owned(),
            method: self.method(),
            route: self.route.label(),
            path: self.given.as_ref().and_then(|given| given.path.clone()),
            status: self.status,
            bytes: self.bytes.into(),
            took,
            span: self.span(),
            client: self
                .given
                .as_ref()
                .and_then(|given| given.client)
                .unwrap_or_else(nearest),
            cut,
        };
        if !self.worker.shared.logs.request(line) {
            self.worker.counters.log_full.add(1);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        // The stream has answered instead of a handler.
        let answered = match self.conn.close_reason() {
            Some(CloseReason::Body) => Some(408),
            Some(CloseReason::Framing) => Some(400),
            Some(CloseReason::Memory) if self.conn.waits_for_request() => Some(503),
            _ => None,
        };
        let cut = !self.finished && answered.is_none();
        if self.status == 0 {
            self.status = answered.unwrap_or(0);
        }
        let counters = &self.worker.counters;
        counters.in_flight.subtract(1);
        counters.request(
            self.route,
            self.method.into(),
            if cut { 0 } else { self.status },
            took,
        );
        self.log(took, cut);
        #[cfg(feature = "otlp")]
        self.worker.shared.spans.record(&crate::otlp::Finished {
            ids: self.span(),
            method: self
                .given
                .as_ref()
                .and_then(|given| given.method.as_deref())
                .unwrap_or(self.method()),
            route: (self.route != Route::NotFound).then(|| self.route.label()),
            path: self
                .given
                .as_ref()
                .and_then(|given| given.path.as_deref())
                .unwrap_or(self.route.label()),
            status: self.status,
            took,
            cut,
        });
        self.conn.on_answer(self.unread);
    }
}
