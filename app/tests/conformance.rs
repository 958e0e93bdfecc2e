//! RFC 9110 and RFC 9112, request by request: what must be refused is refused, what may be answered is
//! answered, and no request has two interpretations.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::{App, Client, GET};

/// The status of each response until the connection is closed.
fn statuses(app: &App, request: &str) -> Vec<u16> {
    let mut client = app.connect();
    client.send(request.as_bytes());
    drop(client.stream.shutdown(std::net::Shutdown::Write));
    std::iter::from_fn(|| client.try_response())
        .map(|response| response.status)
        .collect()
}

fn check(app: &App, request: &str, expected: &[u16]) {
    assert_eq!(statuses(app, request), expected, "{request:?}");
}

#[test]
fn exactly_one_valid_host_is_required() {
    let app = App::start(&[]);
    for path in ["/", "/info", "/nothing"] {
        let get = |host: &str| format!("GET {path} HTTP/1.1\r\n{host}\r\n");
        for host in [
            "host: a b\r\n",
            "host: a/b\r\n",
            "host: user@a\r\n",
            "host: a:80:90\r\n",
            "host: a:b\r\n",
            "host: [::1\r\n",
            "host: http://a/\r\n",
            "host: a%zz\r\n",
            "host: a,b c\r\n",
            "host: \u{e9}\r\n",
            "host: a\r\nhost: a\r\n",
            "",
        ] {
            check(&app, &get(host), &[400]);
        }
        let status = if path == "/nothing" { 404 } else { 200 };
        for host in [
            "host: a\r\n",
            "host:\r\n",
            "host: a:80\r\n",
            "host: [::1]:80\r\n",
        ] {
            check(&app, &get(host), &[status]);
        }
    }
}

#[test]
fn a_malformed_request_is_refused_with_a_dated_problem() {
    let app = App::start(&[
        ("APP_MAX_HEADER_BYTES", "1KiB"),
        ("APP_FIRST_HEAD_TIMEOUT", "300ms"),
    ]);
    let large = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "b".repeat(2000)
    );
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nbad : x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n folded: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nx: \0\r\n\r\n", 400),
        ("GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nhost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n", 408),
        (large.as_str(), 431),
    ] {
        let response = app.request(request);
        response.assert_problem(status);
        let date = response.header("date").expect("a date");
        assert!(date.ends_with(" GMT"), "{date}");
    }
}

#[test]
fn a_client_is_not_asked_for_a_body_that_is_refused() {
    let app = App::start(&[("APP_MAX_BODY_BYTES", "1KiB")]);
    let expect = |path: &str, length: usize| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut client = app.connect();
        client.send(head.as_bytes());
        client
    };
    for (path, length, status) in [("/echo", 1025, 413), ("/", 10, 405), ("/nothing", 10, 404)] {
        let response = expect(path, length).response();
        response.assert_problem(status);
        assert_eq!(response.header("connection"), Some("close"), "{path}");
    }
    let mut client = expect("/echo", 4);
    assert_eq!(client.response().status, 100);
    client.send(b"body");
    assert_eq!(client.response().body, "body");
    let counted = "app_requests_total{route=\"/echo\",method=\"POST\",status=\"413\"}";
    common::wait("the count", || (app.count(counted) == 1).then_some(()));
}

#[test]
fn options_of_the_server_lists_its_methods() {
    let app = App::start(&[]);
    let response = app.request("OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(response.status, 204);
    assert_eq!(response.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    check(
        &app,
        "GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        &[404],
    );
}

/// A second request that exists only for a reader that understands the first one's length differently.
const SMUGGLED: &str = "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn ambiguous_framing_is_refused_and_nothing_behind_it_is_answered() {
    let app = App::start(&[]);
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\x0bchunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: -5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5 5\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length : 5\r\n",
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{framing}\r\n{chunked}");
        check(&app, &request, &[400]);
    }
    // HTTP/1.0 does not have chunks.
    let old = "POST /echo HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    check(&app, &format!("{old}{chunked}"), &[400]);
}

#[test]
fn chunks_have_one_interpretation() {
    let app = App::start(&[]);
    let post = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, expected) in [
        ("3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("3;a=b\r\nabc\r\n0\r\n\r\n", "abc"),
        ("3\r\nabc\r\n0\r\nx: y\r\n\r\n", "abc"),
        ("0003\r\nabc\r\n000\r\n\r\n", "abc"),
    ] {
        let mut client = app.connect();
        client.send(format!("{post}{body}").as_bytes());
        let response = client.response();
        assert_eq!(
            (response.status, response.body.as_str()),
            (200, expected),
            "{body:?}"
        );
        client.send(GET);
        assert_eq!(client.response().status, 200, "{body:?}");
    }
    for body in [
        "3\nabc\r\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nab\r\n\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "g\r\nabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
    ] {
        let found = statuses(&app, &format!("{post}{body}{SMUGGLED}"));
        assert!(
            found.iter().all(|status| *status == 400),
            "{body:?}: {found:?}"
        );
    }
}

/// Bytes of a chunked body that do not belong to its content.
const MOST_OVERHEAD: usize = 16 << 10;

#[test]
fn the_overhead_of_a_chunked_body_is_bounded() {
    let app = App::start(&[]);
    let post = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let much = |unit: &str| unit.repeat(4 * MOST_OVERHEAD / unit.len());
    for body in [
        format!("3;{}\r\nabc\r\n0\r\n\r\n", much("x")),
        format!("{}\r\nabc\r\n0\r\n\r\n", much("3;a=b\r\nabc\r\n")),
        format!("{}3\r\nabc\r\n0\r\n\r\n", much("0")),
        format!("3\r\nabc\r\n0\r\n{}\r\n", much("x: y\r\n")),
        format!("3\r\nabc\r\n0\r\nx: {}\r\n\r\n", much("y")),
    ] {
        let mut client = app.connect();
        // It is refused before all of it is sent.
        let _ = client.try_send(format!("{post}{body}").as_bytes());
        client.response().assert_problem(400);
    }
    // Small chunks are no overhead.
    let mut client = app.connect();
    let body = "1\r\nx\r\n".repeat(50_000);
    client.send(format!("{post}{body}0\r\n\r\n").as_bytes());
    assert_eq!(client.response().body.len(), 50_000);
}

#[test]
fn an_unknown_coding_is_not_implemented() {
    let app = App::start(&[]);
    for coding in ["gzip, chunked", "gzip", "deflate,chunked", "xchunked"] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n{SMUGGLED}"
        );
        check(&app, &request, &[501]);
        // However it arrives.
        let mut client: Client = app.connect();
        let (first, second) = request.split_at(60);
        client.send(first.as_bytes());
        assert_eq!(app.get("/healthz").status, 200);
        let _ = client.try_send(second.as_bytes());
        client.response().assert_problem(501);
    }
    // A malformed request is malformed, whether or not the coding has arrived when it is refused.
    let malformed = "z=\rPOST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n";
    check(&app, malformed, &[400]);
}
