//! The sample routes, to try out clients, proxies and load balancers.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

use common::{App, HANG_LIMIT};

fn start(settings: &[(&str, &str)]) -> App {
    let on = [("APP_SAMPLE_ROUTES", "on")];
    App::start(&[&on[..], settings].concat())
}

/// Sends a request, and returns the connection to read the response from.
fn open(app: &App, request: &str) -> BufReader<TcpStream> {
    let mut client = app.connect();
    client.send(request.as_bytes());
    client.stream.set_read_timeout(Some(HANG_LIMIT)).unwrap();
    BufReader::new(client.stream)
}

/// The next line of a response, without its end.
fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn sample_routes_are_off_unless_enabled() {
    let app = App::start(&[]);
    for path in [
        "/headers",
        "/status/200",
        "/delay/0s",
        "/chunked/1",
        "/events",
    ] {
        app.get(path).assert_problem(404);
    }
    assert_eq!(
        app.count("app_requests_total{route=\"not_found\",method=\"GET\",status=\"404\"}"),
        5
    );
}

#[test]
fn headers_are_shown_as_they_arrive() {
    let app = start(&[]);
    let response = app.request(
        "GET /headers?a=b HTTP/1.1\r\nhost: x\r\nX-Amzn-Trace-Id: Root=1\r\n\
         x-forwarded-for: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2\r\nconnection: close\r\n\r\n",
    );
    let received = response.json();
    assert_eq!(received["method"], "GET");
    assert_eq!(received["target"], "/headers?a=b");
    assert_eq!(received["version"], "HTTP/1.1");
    let headers = &received["headers"];
    assert_eq!(headers["x-amzn-trace-id"][0], "Root=1");
    assert_eq!(
        headers["x-forwarded-for"],
        serde_json::json!(["192.0.2.1", "192.0.2.2"])
    );
}

#[test]
fn any_final_status_can_be_requested() {
    let app = start(&[]);
    for status in [200, 204, 302, 304] {
        assert_eq!(app.get(&format!("/status/{status}")).status, status);
    }
    for status in [404, 418, 503, 599] {
        app.get(&format!("/status/{status}")).assert_problem(status);
    }
    for invalid in [
        "/status/100",
        "/status/600",
        "/status/",
        "/status/200/x",
        "/status/ok",
    ] {
        app.get(invalid).assert_problem(400);
    }
}

#[test]
fn a_delay_is_served_and_bounded() {
    let app = start(&[]);
    let begun = std::time::Instant::now();
    assert_eq!(app.get("/delay/300ms").body, "300ms\n");
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));
    for invalid in ["/delay/61s", "/delay/5", "/delay/"] {
        app.get(invalid).assert_problem(400);
    }
}

#[test]
fn chunks_come_one_by_one_and_the_connection_stays() {
    let app = start(&[]);
    let request = "GET /chunked/3 HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /chunked/1000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut stream = open(&app, &format!("{request}{last}"));
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (first, second) = text.split_once("\r\n0\r\n\r\n").unwrap();
    assert!(
        first.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{first}"
    );
    assert!(
        first.contains("chunk 1 of 3\n") && first.ends_with("chunk 3 of 3\n"),
        "{first}"
    );
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n"), "{second}");
    assert!(
        second.ends_with("chunk 1000 of 1000\n\r\n0\r\n\r\n"),
        "{second}"
    );
    for invalid in ["/chunked/0", "/chunked/1001", "/chunked/x"] {
        app.get(invalid).assert_problem(400);
    }
    let mut head = app.connect();
    head.send(b"HEAD /chunked/3 HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(head.head().status, 200);
}

#[test]
fn a_stream_of_events_ends_in_order_when_the_pod_drains() {
    let app = start(&[("APP_DRAIN_DELAY", "2s"), ("APP_DRAIN_DEADLINE", "20s")]);
    let mut stream = open(&app, "GET /events HTTP/1.1\r\nhost: x\r\n\r\n");
    while line(&mut stream) != "data: 1" {}
    app.terminate();
    let mut rest = String::new();
    // The connection is closed after the stream.
    stream.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("event: drain\ndata: the pod is draining; reconnect\n\n"),
        "{rest}"
    );
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
    let (status, log) = app.wait();
    assert_eq!(status.code(), Some(0), "{log:#?}");
}

#[test]
fn a_client_that_leaves_a_stream_does_not_count_as_a_cut_request() {
    let app = start(&[]);
    let mut stream = open(&app, "GET /events HTTP/1.1\r\nhost: x\r\n\r\n");
    while line(&mut stream) != "data: 0" {}
    drop(stream);
    common::wait("the request to be counted", || {
        let served = "app_requests_total{route=\"/events\",method=\"GET\",status=\"200\"}";
        (app.count(served) == 1).then_some(())
    });
}
