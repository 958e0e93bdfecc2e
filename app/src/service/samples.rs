//! Sample routes, to try out clients, proxies and load balancers. They are served if
//! `APP_SAMPLE_ROUTES` is on, and each is bounded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use actix_http::{Request, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;

use super::exchange::Exchange;
use super::headers::Media;
use super::response::{refuse, respond, stream};
use super::response_body::{Content, ResponseBody};
use crate::routes::Route;
use crate::settings::parse;

/// The longest delay. Most load balancers close a connection that is silent for longer.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// The most chunks.
const MAX_CHUNKS: u32 = 1000;

pub(super) async fn handle(exchange: Exchange, request: &Request) -> Response<ResponseBody> {
    // The path begins with a slash, so its first part is empty.
    let parameter = request.head().uri.path().splitn(3, '/').nth(2);
    let parameter = parameter.unwrap_or_default();
    match exchange.route {
        Route::Status => status(exchange, parameter),
        Route::Delay => delay(exchange, parameter).await,
        Route::Chunked => chunked(exchange, parameter),
        Route::Events => {
            let mut exchange = exchange;
            // A client that closes the stream loses nothing, so no request counts as cut.
            exchange.finish();
            stream(exchange, Media::Events, Content::events())
        }
        _ => respond(exchange, StatusCode::OK, Media::Json, received(request)),
    }
}

fn status(exchange: Exchange, parameter: &str) -> Response<ResponseBody> {
    let status = parse::count(parameter, 200, 599).map(StatusCode::from_u16);
    match status {
        Ok(Ok(status @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))) => {
            respond(exchange, status, Media::Text, Bytes::new())
        }
        Ok(Ok(status)) if status.as_u16() < 400 => {
            let body = format!("{}\n", status.as_u16());
            respond(exchange, status, Media::Text, body.into())
        }
        Ok(Ok(status)) => refuse(exchange, status, "the path requests this status"),
        Ok(Err(error)) => refuse(exchange, StatusCode::BAD_REQUEST, &error.to_string()),
        Err(message) => refuse(exchange, StatusCode::BAD_REQUEST, &message),
    }
}

async fn delay(exchange: Exchange, parameter: &str) -> Response<ResponseBody> {
    match parse::duration(parameter) {
        Ok(delay) if delay <= MAX_DELAY => {
            tokio::time::sleep(delay).await;
            let body = format!("{parameter}\n");
            respond(exchange, StatusCode::OK, Media::Text, body.into())
        }
        Ok(_) => {
            let detail = format!("`{parameter}` is longer than {MAX_DELAY:?}");
            refuse(exchange, StatusCode::BAD_REQUEST, &detail)
        }
        Err(message) => refuse(exchange, StatusCode::BAD_REQUEST, &message),
    }
}

fn chunked(exchange: Exchange, parameter: &str) -> Response<ResponseBody> {
    match parse::count(parameter, 1, MAX_CHUNKS) {
        Ok(count) => stream(exchange, Media::Text, Content::Chunks { next: 0, count }),
        Err(message) => refuse(exchange, StatusCode::BAD_REQUEST, &message),
    }
}

/// The request as it arrived, behind every proxy.
#[derive(Serialize)]
struct Received<'a> {
    method: &'a str,
    target: String,
    version: String,
    /// By name; a repeated header has several values.
    headers: BTreeMap<&'a str, Vec<Cow<'a, str>>>,
}

fn received(request: &Request) -> Bytes {
    let head = request.head();
    let mut headers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers.entry(name.as_str()).or_default().push(value);
    }
    let received = Received {
        method: head.method.as_str(),
        target: head.uri.to_string(),
        version: format!("{:?}", head.version),
        headers,
    };
    let mut body = serde_json::to_vec(&received).expect("strings serialise");
    body.push(b'\n');
    body.into()
}
