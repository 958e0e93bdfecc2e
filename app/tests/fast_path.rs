//! Plain requests are answered without actix-http and all others with it, and no client sees a difference.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io::Write as _;
use std::time::Duration;

use common::{App, Client, GET, Response};
use proptest::prelude::*;
use socket2::{Domain, Socket, Type};

/// A service that looks for faults in each request's headers, and so has no fast path.
fn without_fast_path() -> App {
    App::start(&[("APP_FAULTS", "on")])
}

/// Status, headers and body, without the id and the time, sorted by name.
fn comparable(response: &Response) -> (u16, Vec<String>, String) {
    let mut headers: Vec<_> = response
        .head
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name @ ("x-request-id" | "date"), value)) => {
                format!("{name}: {} bytes", value.len())
            }
            _ => line.to_owned(),
        })
        .collect();
    headers.sort();
    (response.status, headers, response.body.clone())
}

const PLAIN: [&str; 6] = [
    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nhost: x\r\nConnection: close\r\n\r\n",
    "GET /startupz HTTP/1.1\r\nx-forwarded-for: 192.0.2.1\r\nhost: x\r\n\r\n",
];

#[test]
fn both_paths_give_the_same_response() {
    let (fast, slow) = (App::start(&[]), without_fast_path());
    for request in PLAIN {
        let responses = [&fast, &slow].map(|app| {
            let mut client = app.connect();
            client.send(request.as_bytes());
            client.response()
        });
        // Otherwise one way would be compared with itself: actix-http writes the date last.
        let last = |response: &Response| response.head.lines().last().unwrap().to_owned();
        assert!(
            last(&responses[0]).starts_with("x-request-id"),
            "{responses:?}"
        );
        assert!(last(&responses[1]).starts_with("date"), "{responses:?}");
        let responses = responses.map(|response| comparable(&response));
        assert_eq!(responses[0], responses[1], "{request:?}");
        assert_eq!(responses[0].0, 200, "{request:?}");
    }
    for (path, count) in [("/", 2), ("/healthz", 2), ("/readyz", 1), ("/startupz", 1)] {
        let name = format!("app_requests_total{{route=\"{path}\",method=\"GET\",status=\"200\"}}");
        assert_eq!(fast.count(&name), count, "{name}");
        assert_eq!(slow.count(&name), count, "{name}");
    }
    assert_eq!(fast.count("app_requests_in_flight"), 0);
}

/// All that comes until the connection is closed.
fn to_the_end(app: &App, request: &str) -> String {
    let mut client = app.connect();
    client.send(request.as_bytes());
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut client.stream, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn both_paths_answer_a_client_of_one_request_alike() {
    let (fast, slow) = (App::start(&[]), without_fast_path());
    for method in ["GET", "HEAD"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let responses = [&fast, &slow].map(|app| to_the_end(app, &request));
        let comparable = responses.each_ref().map(|response| {
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            let unique =
                |line: &&str| line.starts_with("date: ") || line.starts_with("x-request-id: ");
            let mut lines: Vec<_> = head.lines().filter(|line| !unique(line)).collect();
            lines.sort_unstable();
            (lines.join("\n"), body.to_owned())
        });
        assert_eq!(comparable[0], comparable[1], "{method}");
        let body = &comparable[0].1;
        assert_eq!(body.is_empty(), method == "HEAD", "{body}");
        // Otherwise one way would be compared with itself: actix-http writes the date last.
        let last = responses.each_ref().map(|response| {
            let head = response.split_once("\r\n\r\n").unwrap().0;
            head.lines().last().unwrap().to_owned()
        });
        assert!(last[0].starts_with("x-request-id: "), "{last:?}");
        assert!(last[1].starts_with("date: "), "{last:?}");
        let counted =
            format!("app_requests_total{{route=\"/\",method=\"{method}\",status=\"200\"}}");
        assert_eq!(fast.count(&counted), 1);
    }
    let mut kept = fast.connect();
    kept.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut kept.stream, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
}

#[test]
fn a_plain_request_is_logged_like_any_other() {
    let app = App::start(&[]);
    let mut client = app.connect();
    client.send(GET);
    let response = client.response();
    let line = app.wait_for_log(response.header("x-request-id").unwrap());
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&"GET".into(), &"/".into(), &200.into())
    );
    assert_eq!(line["bytes"], response.body.len());
    assert_eq!(line["client"], "127.0.0.1");
}

/// What a client may send on one connection, and the responses that it must get.
const STEPS: [(&str, &[u16]); 9] = [
    ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", &[200]),
    ("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n", &[200]),
    (
        "GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n",
        &[200],
    ),
    ("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", &[404]),
    ("GET /info HTTP/1.1\r\nhost: x\r\n\r\n", &[200]),
    (
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nGET ",
        &[200],
    ),
    ("DELETE / HTTP/1.1\r\nhost: x\r\n\r\n", &[405]),
    (
        "GET / HTTP/1.1\r\nhost: x\r\nx-request-id: mine\r\n\r\n",
        &[200],
    ),
    (
        "GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /nothing HTTP/1.1\r\nhost: x\r\n\r\n\
         GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        &[200, 404, 200],
    ),
];

#[test]
fn responses_come_in_order_whatever_comes_after_what() {
    let app = App::start(&[]);
    // A step, where it is cut into two packets, and whether the next one waits for its responses.
    let step = (0..STEPS.len(), 0..80_usize, any::<bool>());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    };
    proptest!(config, |(steps in prop::collection::vec(step, 1..8))| {
        let mut client = app.connect();
        let mut owed = Vec::new();
        for (index, cut, waits) in steps {
            let (request, statuses) = STEPS[index];
            let (first, second) = request.split_at(cut.min(request.len()));
            client.send(first.as_bytes());
            if !second.is_empty() {
                client.send(second.as_bytes());
            }
            owed.extend(statuses);
            if waits {
                settle(&mut client, &mut owed);
            }
        }
        settle(&mut client, &mut owed);
    });
}

/// Reads the responses that are owed.
fn settle(client: &mut Client, owed: &mut Vec<u16>) {
    for status in owed.drain(..) {
        assert_eq!(client.response().status, status);
    }
}

#[test]
fn responses_that_the_kernel_took_in_part_are_sent_whole() {
    /// Their responses are more than the largest send buffer takes (4 MiB, `tcp_wmem` in tcp(7)).
    const COUNT: usize = 5000;
    let greeting = "x".repeat(1000);
    let app = App::start(&[("APP_GREETING", greeting.as_str())]);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // As little as the kernel allows.
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&app.public.into()).unwrap();
    let mut client = Client::connect_from(socket.into());
    let mut sender = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || sender.write_all(&GET.repeat(COUNT)));
    // Nothing is read until the service is stuck with a response.
    let counted = "app_requests_total{route=\"/\",method=\"GET\",status=\"200\"}";
    let mut before = 0;
    common::wait("the service to be stuck", || {
        std::thread::sleep(Duration::from_millis(100));
        let now = app.count(counted);
        (std::mem::replace(&mut before, now) == now && now > 0).then_some(())
    });
    assert!(before < COUNT as u64, "all {before} fit");
    for _ in 0..COUNT {
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, 1001));
    }
    sending.join().unwrap().unwrap();
    client.send(GET);
    assert_eq!(client.response().status, 200, "the connection is kept");
}
