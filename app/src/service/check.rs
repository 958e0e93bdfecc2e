//! Checks of a request before its route handles it: limits, host, path and method.

use std::borrow::Cow;
use std::rc::Rc;

use actix_http::body::BoxBody;
use actix_http::header::{self, HeaderValue};
use actix_http::{Method, Request, Response, StatusCode};
use actix_service::Service;

use super::exchange::{Exchange, route_of};
use super::host;
use super::response::refuse;
use super::response_body::ResponseBody;
use super::worker::Worker;
use crate::edge::conn::Conn;
use crate::routes::Route;

/// Why a request is refused.
pub(super) struct Refusal {
    status: StatusCode,
    detail: Cow<'static, str>,
    /// The methods that the path supports, if the request has another.
    allow: Option<&'static str>,
    /// The connection is closed: what follows may not be a request.
    closes: bool,
    /// The client may retry soon.
    may_retry: bool,
}

impl Refusal {
    fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            allow: None,
            closes: false,
            may_retry: false,
        }
    }

    /// Why this request is refused, if it is.
    pub(super) fn of(worker: &Worker, conn: &Conn, request: &Request) -> Option<Self> {
        let limits = &worker.shared.settings.limits;
        let head = request.head();
        if head.headers.len() > limits.headers || conn.received() > limits.header_bytes {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Some(Self {
                closes: true,
                ..Self::new(
                    status,
                    "the request head is too large or has too many headers",
                )
            });
        }
        let host = head.headers.get(header::HOST);
        if host.is_some_and(|host| !host::is_valid(host.as_bytes())) {
            return Some(Self {
                closes: true,
                ..Self::new(StatusCode::BAD_REQUEST, "invalid Host header")
            });
        }
        if announced_length(request).is_some_and(|length| length > limits.body_bytes as u64) {
            let detail = format!("the body is larger than {} bytes", limits.body_bytes);
            return Some(Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let route = route_of(worker, request);
        if conn.is_for_probes_only() && !route.is_probe() {
            let detail = "this pod has reached its connection limit; try again";
            return Some(Self {
                closes: true,
                may_retry: true,
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            });
        }
        let allowed = match route {
            Route::NotFound if asks_for_options(request) => true,
            Route::NotFound => {
                let detail = "there is nothing at this path";
                return Some(Self::new(StatusCode::NOT_FOUND, detail));
            }
            Route::Echo => head.method == Method::POST,
            _ => head.method == Method::GET || head.method == Method::HEAD,
        };
        (!allowed).then(|| {
            let allow = route.allow();
            let detail = format!("this path supports {allow}");
            Self {
                allow: Some(allow),
                ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            }
        })
    }

    /// The response.
    pub(super) fn into_response(self, mut exchange: Exchange) -> Response<ResponseBody> {
        if self.closes {
            exchange.close();
        }
        let mut response = refuse(exchange, self.status, &self.detail);
        if self.may_retry {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(allow) = self.allow {
            let headers = response.headers_mut();
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// Whether the request is about the server as a whole (RFC 9112 §3.2.4).
pub(super) fn asks_for_options(request: &Request) -> bool {
    let head = request.head();
    head.method == Method::OPTIONS && head.uri.path() == "*"
}

fn announced_length(request: &Request) -> Option<u64> {
    let length = request.head().headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// Decides on `Expect: 100-continue`: a client is not asked for a body that is refused.
pub(crate) struct ExpectService {
    worker: Rc<Worker>,
}

impl ExpectService {
    pub(crate) fn new(worker: Rc<Worker>) -> Self {
        Self { worker }
    }
}

impl Service<Request> for ExpectService {
    type Response = Request;
    type Error = Response<BoxBody>;
    type Future = std::future::Ready<Result<Request, Response<BoxBody>>>;

    actix_service::always_ready!();

    fn call(&self, mut request: Request) -> Self::Future {
        let conn = conn_of(&request);
        let refusal = Refusal::of(&self.worker, &conn, &request);
        std::future::ready(match refusal {
            None => Ok(request),
            Some(refusal) => {
                let exchange = Exchange::begin(&self.worker, &conn, &mut request);
                Err(refusal.into_response(exchange).map_into_boxed_body())
            }
        })
    }
}

/// The connection of a request.
pub(super) fn conn_of(request: &Request) -> Rc<Conn> {
    let conn = request.conn_data::<Rc<Conn>>().map(Rc::clone);
    conn.expect("the listener adds it to every connection")
}
