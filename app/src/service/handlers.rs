//! The handlers of the routes.

use actix_http::header::{self, HeaderValue};
use actix_http::{Request, Response, StatusCode};
use bytes::Bytes;

use super::accept::prefers_html;
use super::exchange::Exchange;
use super::headers::Media;
use super::response::{guard_page, refuse, respond};
use super::response_body::ResponseBody;
use super::worker::Worker;
use super::{body, check, info, samples};
use crate::lifecycle::State;
use crate::routes::Route;

/// Answers a request that has passed the checks.
pub(super) async fn handle(mut exchange: Exchange, mut request: Request) -> Response<ResponseBody> {
    if exchange.route.is_sample() {
        return samples::handle(exchange, &request).await;
    }
    if exchange.route != Route::Echo {
        return respond_at_once(exchange, &request);
    }
    let limit = exchange.worker.shared.settings.limits.body_bytes;
    let payload = request.take_payload();
    match body::read(&exchange.conn, payload, limit).await {
        Ok(bytes) => {
            exchange.body_is_read();
            // Never the type that the client declares: the body could be a page with a script.
            respond(exchange, StatusCode::OK, Media::Binary, bytes)
        }
        Err(error) => refuse(exchange, error.status(), &error.to_string()),
    }
}

/// The line that a route sends with 200 in the current state, if that is the whole response. A greeting
/// counts as a visit.
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

pub(super) fn respond_at_once(exchange: Exchange, request: &Request) -> Response<ResponseBody> {
    let state = exchange.worker.state();
    let accept = request.head().headers.get_all(header::ACCEPT);
    // No Vary is needed: responses are never stored.
    if exchange.route == Route::Root && prefers_html(accept.map(HeaderValue::as_bytes)) {
        return page(exchange);
    }
    if let Some(line) = line(&exchange.worker, exchange.route) {
        return respond(exchange, StatusCode::OK, Media::Text, line);
    }
    match exchange.route {
        Route::Hop => {
            let body = exchange.worker.hop(state);
            respond(exchange, StatusCode::OK, Media::Json, body)
        }
        Route::Info => {
            let body = info::body(&exchange, request);
            respond(exchange, StatusCode::OK, Media::Json, body)
        }
        Route::Startupz => unready(exchange, "starting"),
        Route::Readyz => match state {
            State::Ready => unready(exchange, "not ready: the fault not-ready is in force"),
            State::Starting => unready(exchange, "not ready: starting"),
            State::Draining => unready(exchange, "not ready: draining after SIGTERM"),
            State::Stopped => unready(exchange, "not ready: stopped"),
        },
        Route::NotFound if check::asks_for_options(request) => {
            let mut options = respond(exchange, StatusCode::NO_CONTENT, Media::Text, Bytes::new());
            let allow = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
            options.headers_mut().insert(header::ALLOW, allow);
            options
        }
        Route::Root
        | Route::Healthz
        | Route::Echo
        | Route::Headers
        | Route::Status
        | Route::Delay
        | Route::Chunked
        | Route::Events
        | Route::NotFound => refuse(exchange, StatusCode::NOT_FOUND, "nothing here"),
    }
}

fn page(exchange: Exchange) -> Response<ResponseBody> {
    exchange.worker.shared.visits.count();
    let page = exchange.worker.page();
    let mut response = respond(exchange, StatusCode::OK, Media::Html, page.body.clone());
    guard_page(&mut response, &page.policy);
    response
}

fn unready(exchange: Exchange, reason: &str) -> Response<ResponseBody> {
    refuse(exchange, StatusCode::SERVICE_UNAVAILABLE, reason)
}
