//! Clients that stall, of every kind: each is closed by its own deadline, and by no other.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io::Write as _;
use std::time::{Duration, Instant};

use common::{App, Client, GET};
use socket2::{Domain, Socket, Type};

/// One deadline is short and all others are long, so that only that one can close the connection.
fn app(short: &str) -> App {
    let far = "1h";
    // A long greeting, so that few responses fill a buffer.
    let greeting = "x".repeat(1000);
    let mut settings = vec![
        ("APP_GREETING", greeting.as_str()),
        ("APP_FIRST_HEAD_TIMEOUT", far),
        ("APP_NEXT_HEAD_TIMEOUT", far),
        ("APP_BODY_TIMEOUT", far),
        ("APP_ANSWER_TIMEOUT", far),
        ("APP_KEEP_ALIVE", far),
    ];
    settings.retain(|(name, _)| *name != short);
    // Long enough that a connection in use does not exceed it on a busy machine.
    settings.push((
        short,
        if short == "APP_KEEP_ALIVE" {
            "2s"
        } else {
            "400ms"
        },
    ));
    App::start(&settings)
}

/// Not before the deadline. There is no upper bound but the hang limit: the machine may be busy.
fn assert_on_time(took: Duration) {
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

fn ended(app: &App, reason: &str) -> u64 {
    app.count(&format!(
        "app_connections_ended_total{{reason=\"{reason}\"}}"
    ))
}

#[test]
fn silence_after_connecting_is_closed() {
    let app = app("APP_FIRST_HEAD_TIMEOUT");
    assert_on_time(app.connect().closed_after());
    assert_eq!(ended(&app, "first_head"), 1);
}

#[test]
fn a_first_head_that_stalls_gets_408() {
    let app = app("APP_FIRST_HEAD_TIMEOUT");
    let mut client = app.connect();
    let begun = Instant::now();
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\n");
    client.response().assert_problem(408);
    assert_on_time(begun.elapsed());
    client.closed_after();
}

#[test]
fn a_first_head_that_drips_gains_no_time() {
    let app = app("APP_FIRST_HEAD_TIMEOUT");
    let mut client = app.connect();
    let begun = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nx-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" {
        // The test waits for the write to fail, which it does once the connection is closed.
        if client.stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        if begun.elapsed() > Duration::from_secs(2) {
            break;
        }
    }
    client.response().assert_problem(408);
    assert_eq!(ended(&app, "first_head"), 1);
}

#[test]
fn a_later_head_that_stalls_gets_408() {
    let app = app("APP_NEXT_HEAD_TIMEOUT");
    let mut client = app.connect();
    for _ in 0..2 {
        client.send(GET);
        assert_eq!(client.response().status, 200);
    }
    let begun = Instant::now();
    client.send(b"G");
    client.response().assert_problem(408);
    assert_on_time(begun.elapsed());
    assert_eq!(ended(&app, "next_head"), 1);
}

#[test]
fn part_of_a_later_head_that_came_with_a_request_does_not_count_as_idle() {
    let app = app("APP_NEXT_HEAD_TIMEOUT");
    let mut client = app.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET");
    assert_eq!(client.response().status, 200);
    client.response().assert_problem(408);
    assert_eq!(ended(&app, "next_head"), 1);
}

#[test]
fn a_body_that_stalls_gets_408() {
    let app = app("APP_BODY_TIMEOUT");
    let mut client = app.connect();
    let begun = Instant::now();
    client.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc");
    client.response().assert_problem(408);
    assert_on_time(begun.elapsed());
    assert_eq!(ended(&app, "body"), 1);
    let counted = "app_requests_total{route=\"/echo\",method=\"POST\",status=\"408\"}";
    // The response is on its way before the request is over.
    common::wait("the count", || (app.count(counted) == 1).then_some(()));
}

#[test]
fn a_body_below_the_minimum_rate_is_refused_and_a_faster_one_is_not() {
    let app = app("APP_BODY_TIMEOUT");
    let drip = |chunk: usize| {
        let mut client = app.connect();
        let head = format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            chunk * 20
        );
        client.send(head.as_bytes());
        for _ in 0..20 {
            if client.stream.write_all(&vec![b'x'; chunk]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(60));
        }
        client.response().status
    };
    // 512 bytes a second is the default rate: 17 bytes a second is below, 3,400 is above.
    assert_eq!(drip(1), 408);
    assert_eq!(drip(204), 200);
}

#[test]
fn a_body_that_no_handler_reads_does_not_hold_the_connection() {
    let app = app("APP_BODY_TIMEOUT");
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let mut client = app.connect();
        client.send(format!("GET / HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n").as_bytes());
        assert_eq!(client.response().status, 200);
        client.closed_after();
    }
}

/// Sends a request again and again, and reads no response, until the connection is closed.
fn ask_and_read_nothing(request: &[u8]) {
    let app = app("APP_ANSWER_TIMEOUT");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // As little as the kernel allows: memory for sockets is shared with the tests beside this one.
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&app.public.into()).unwrap();
    let mut client = Client::connect_from(socket.into());
    client.stream.set_nonblocking(true).unwrap();
    // Requests are sent until a write would block: both buffers are full of responses that are not read.
    let begun = Instant::now();
    let ended = loop {
        match client.stream.write(request) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(_) => break begun.elapsed(),
        }
        assert!(
            begun.elapsed() < common::HANG_LIMIT,
            "the connection was never closed"
        );
    };
    assert!(ended >= Duration::from_millis(300), "{ended:?}");
    assert_eq!(self::ended(&app, "answer"), 1);
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    ask_and_read_nothing(b"GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n");
}

#[test]
fn a_client_that_does_not_read_plain_responses_is_closed() {
    ask_and_read_nothing(GET);
}

#[test]
fn an_idle_connection_is_kept_and_then_closed() {
    let app = app("APP_KEEP_ALIVE");
    let mut client = app.connect();
    client.send(GET);
    assert_eq!(client.response().status, 200);
    std::thread::sleep(Duration::from_millis(150));
    client.send(GET);
    assert_eq!(client.response().status, 200, "it is kept for a while");
    assert_on_time(client.closed_after());
    assert_eq!(ended(&app, "idle"), 1);
}
