//! Limits: each has its own status, answered as problem JSON, and the service continues.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::time::Duration;

use common::{App, GET};

#[test]
fn a_large_head_gets_431_whether_it_comes_at_once_or_in_parts() {
    let app = App::start(&[("APP_MAX_HEADER_BYTES", "1KiB")]);
    let large = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "b".repeat(1100)
    );
    app.request(&large).assert_problem(431);
    let mut client = app.connect();
    client.send(&large.as_bytes()[..1050]);
    client.response().assert_problem(431);
    let huge = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "b".repeat(300_000)
    );
    app.request(&huge).assert_problem(431);
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1100));
    app.request(&long).assert_problem(431);
    let fits = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "b".repeat(900)
    );
    assert_eq!(app.request(&fits).status, 200);
    // The first part is read as what could be a plain request, and then once more by the parser.
    let mut client = app.connect();
    let (first, second) = fits.split_at(700);
    client.send(first.as_bytes());
    std::thread::sleep(Duration::from_millis(50));
    assert!(client.try_send(second.as_bytes()));
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_body_does_not_count_as_head() {
    let app = App::start(&[("APP_MAX_HEADER_BYTES", "1KiB")]);
    let body = "x".repeat(100_000);
    let request = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{body}");
    let response = app.request(&request);
    assert_eq!(response.status, 200, "{}", response.head);
    assert_eq!(response.body, body);
}

#[test]
fn too_many_headers_get_431() {
    let app = App::start(&[("APP_MAX_HEADERS", "10")]);
    let request = |count: usize| {
        let headers = (1..count).fold(String::new(), |all, index| {
            all + &format!("x-{index}: y\r\n")
        });
        format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
    };
    assert_eq!(app.request(&request(10)).status, 200);
    app.request(&request(11)).assert_problem(431);
    app.request(&request(97)).assert_problem(431);
}

#[test]
fn a_large_body_gets_413_announced_or_not() {
    let app = App::start(&[("APP_MAX_BODY_BYTES", "1KiB")]);
    let announced = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1025\r\n\r\n";
    app.request(announced).assert_problem(413);
    let chunk = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
    let chunked = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    app.request(&format!("{chunked}{chunk}{chunk}0\r\n\r\n"))
        .assert_problem(413);
    let fits = app.request(&format!("{chunked}{chunk}0\r\n\r\n"));
    assert_eq!((fits.status, fits.body.len()), (200, 1024));
}

#[test]
fn what_is_not_a_request_gets_400() {
    let app = App::start(&[]);
    for bad in [
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    ] {
        let response = app.request(bad);
        assert_eq!(response.status, 400, "{bad:?}: {response:?}");
        response.assert_problem(400);
    }
    assert_eq!(app.get("/").status, 200);
    assert_eq!(
        app.log()
            .iter()
            .filter(|line| line.contains("ERROR"))
            .count(),
        0
    );
}

#[test]
fn what_is_not_a_request_gets_400_behind_a_good_one_too() {
    let app = App::start(&[]);
    let mut client = app.connect();
    client.send(b"GET /info HTTP/1.1\r\nhost: x\r\n\r\nGET /x: \r\n\r\n");
    assert_eq!(client.response().status, 200);
    client.response().assert_problem(400);
    client.closed_after();
}

#[test]
fn a_body_may_look_like_a_response_of_the_parser() {
    let app = App::start(&[]);
    let body = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
    let length = body.len();
    let mut client = app.connect();
    let echo = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    client.send(echo.as_bytes());
    assert_eq!(client.response().body, body);
    client.send(GET);
    assert_eq!(client.response().status, 200);
}

#[test]
fn closing_after_a_response_does_not_take_the_response_back() {
    let app = App::start(&[("APP_MAX_HEADER_BYTES", "1KiB")]);
    for _ in 0..50 {
        let mut client = app.connect();
        client.send(format!("GET / HTTP/1.1\r\nx-a: {}", "b".repeat(40_000)).as_bytes());
        // What comes after the response must not turn it into a reset.
        std::thread::sleep(Duration::from_millis(2));
        client.response().assert_problem(431);
    }
}
