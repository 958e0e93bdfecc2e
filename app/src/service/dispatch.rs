//! From a request to its answer.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::header::{self, HeaderValue};
use actix_http::{Method, Request, Response, StatusCode};
use actix_service::Service;
use bytes::Bytes;

use super::answer::{AnswerBody, Media, answer, guard_page, refuse};
use super::exchange::Exchange;
use super::{body, faulty, info};
use crate::edge::conn::Conn;
use crate::lifecycle::State;
use crate::routes::Route;
use crate::server::worker::Worker;

/// The public service of one worker.
pub(crate) struct PublicService {
    worker: Rc<Worker>,
}

impl PublicService {
    pub(crate) fn new(worker: Rc<Worker>) -> Self {
        Self { worker }
    }
}

/// An answer, at once or later. Most are there at once and cost no allocation.
pub(crate) enum Answering {
    Ready(Option<Response<AnswerBody>>),
    Later(Pin<Box<dyn Future<Output = Response<AnswerBody>>>>),
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, actix_http::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(response) => Poll::Ready(Ok(response
                .take()
                .expect("no future is polled after it was ready"))),
            Self::Later(response) => response.as_mut().poll(context).map(Ok),
        }
    }
}

impl Service<Request> for PublicService {
    type Response = Response<AnswerBody>;
    type Error = actix_http::Error;
    type Future = Answering;

    actix_service::always_ready!();

    fn call(&self, mut request: Request) -> Answering {
        let conn = request.conn_data::<Rc<Conn>>().map(Rc::clone);
        let conn = conn.expect("the listener adds it to every connection");
        let exchange = Exchange::begin(&self.worker, &conn, &mut request);
        let response = match check(exchange, &request) {
            Err(refusal) => refusal,
            Ok(exchange) => {
                let faults = self.worker.faults_for(&request, &exchange);
                if let Some(faults) = faults {
                    return Answering::Later(Box::pin(faulty::handle(exchange, request, faults)));
                }
                if exchange.route == Route::Echo {
                    return Answering::Later(Box::pin(handle(exchange, request)));
                }
                answer_at_once(exchange, &request)
            }
        };
        Answering::Ready(Some(response))
    }
}

/// Holds a request to the limits, and its method to the route's.
#[expect(
    clippy::result_large_err,
    reason = "the error is the answer, and is moved once"
)]
fn check(exchange: Exchange, request: &Request) -> Result<Exchange, Response<AnswerBody>> {
    let limits = &exchange.worker.shared.settings.limits;
    let head = request.head();
    let too_large =
        head.headers.len() > limits.headers || exchange.conn.received() > limits.header_bytes;
    if too_large {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let mut exchange = exchange;
        exchange.close();
        return Err(refuse(
            exchange,
            status,
            "the request head is too large or has too many headers",
        ));
    }
    let announced = exchange
        .has_body()
        .then(|| head.headers.get(header::CONTENT_LENGTH))
        .flatten()
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes as u64) {
        let detail = format!("the body is larger than {} bytes", limits.body_bytes);
        return Err(refuse(exchange, StatusCode::PAYLOAD_TOO_LARGE, &detail));
    }
    let allowed = match exchange.route {
        Route::NotFound => {
            return Err(refuse(
                exchange,
                StatusCode::NOT_FOUND,
                "there is nothing at this path",
            ));
        }
        Route::Echo => head.method == Method::POST,
        _ => head.method == Method::GET || head.method == Method::HEAD,
    };
    if !allowed {
        let allow = exchange.route.allow();
        let detail = format!("this path takes {allow}");
        let mut refusal = refuse(exchange, StatusCode::METHOD_NOT_ALLOWED, &detail);
        refusal
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(allow));
        return Err(refusal);
    }
    Ok(exchange)
}

/// Answers any route that is left after the checks.
pub(super) async fn handle(mut exchange: Exchange, mut request: Request) -> Response<AnswerBody> {
    if exchange.route != Route::Echo {
        return answer_at_once(exchange, &request);
    }
    let limit = exchange.worker.shared.settings.limits.body_bytes;
    let payload = request.take_payload();
    match body::read(&exchange.conn, payload, limit).await {
        Ok(bytes) => {
            exchange.body_is_read();
            // Never the sender's type: what it says of itself could be a page with a script.
            answer(exchange, StatusCode::OK, Media::Binary, bytes)
        }
        Err(error) => refuse(exchange, error.status(), &error.to_string()),
    }
}

/// The line of text that a route answers with, and 200, as things are. It is all there is to the
/// answer. Who is given the greeting is counted as a visit.
pub(super) fn line(worker: &Worker, route: Route) -> Option<Bytes> {
    let state = worker.state();
    match route {
        Route::Root => {
            worker.shared.visits.count();
            Some(worker.greeting())
        }
        Route::Healthz => Some(Bytes::from_static(b"ok\n")),
        Route::Startupz if state > State::Starting => Some(Bytes::from_static(b"started\n")),
        Route::Readyz if state == State::Ready && !worker.faults().not_ready => {
            Some(Bytes::from_static(b"ready\n"))
        }
        _ => None,
    }
}

fn answer_at_once(exchange: Exchange, request: &Request) -> Response<AnswerBody> {
    let state = exchange.worker.state();
    let accept = request.head().headers.get(header::ACCEPT);
    // No Vary is needed: nothing that is not stored is mistaken for something else.
    if exchange.route == Route::Root && accept.is_some_and(|accept| wants_page(accept.as_bytes())) {
        return page(exchange);
    }
    if let Some(line) = line(&exchange.worker, exchange.route) {
        return answer(exchange, StatusCode::OK, Media::Text, line);
    }
    match exchange.route {
        Route::Hop => {
            let body = exchange.worker.hop(state);
            answer(exchange, StatusCode::OK, Media::Json, body)
        }
        Route::Info => {
            let body = info::body(&exchange, request);
            answer(exchange, StatusCode::OK, Media::Json, body)
        }
        Route::Startupz => unready(exchange, "starting"),
        Route::Readyz => match state {
            State::Ready => unready(exchange, "not ready: a fault says so"),
            State::Starting => unready(exchange, "not ready: starting"),
            State::Draining => unready(exchange, "not ready: draining after SIGTERM"),
            State::Stopped => unready(exchange, "not ready: stopped"),
        },
        Route::Root | Route::Healthz | Route::Echo | Route::NotFound => {
            refuse(exchange, StatusCode::NOT_FOUND, "nothing here")
        }
    }
}

/// Whether an `Accept` header is a browser's.
pub(super) fn wants_page(accept: &[u8]) -> bool {
    accept.windows(9).any(|part| part == b"text/html")
}

fn page(exchange: Exchange) -> Response<AnswerBody> {
    exchange.worker.shared.visits.count();
    let page = exchange.worker.page();
    let mut response = answer(exchange, StatusCode::OK, Media::Html, page.body.clone());
    guard_page(&mut response, &page.policy);
    response
}

fn unready(exchange: Exchange, why: &str) -> Response<AnswerBody> {
    refuse(exchange, StatusCode::SERVICE_UNAVAILABLE, why)
}
