//! Tests of which requests are plain. One compares the parser with actix-http's.

use actix_http::h1::{Codec, Message, MessageType};
use actix_http::{HttpMessage as _, ServiceConfig};
use bytes::BytesMut;
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;

use super::recognise::recognise;
use crate::metrics::counters::{METHOD_GET, METHOD_HEAD, method_index};
use crate::routes::Route;
use crate::settings::Limits;

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
fn a_client_may_send_head_and_ask_to_close() {
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
    let both = "HEAD / HTTP/1.1\r\nHost: x\r\nconnection: close\r\nconnection: keep-alive\r\n\r\n";
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

/// Parts of heads, combined in every way.
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

/// A difference would allow request smuggling.
#[test]
fn what_is_recognised_is_the_same_request_to_actix_http() {
    // The configuration of actix-http spawns a task that updates the date.
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
