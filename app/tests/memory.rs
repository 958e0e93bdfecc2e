//! The memory that the service holds for clients is bounded, however many there are and whatever they
//! send. Those that hold most are closed, and no other client is.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io::Write as _;

use common::{App, Client, GET};

const MIB: u64 = 1 << 20;

/// The process itself, with its threads and their stacks.
const PROCESS: u64 = 24 * MIB;

fn app(more: &[(&str, &str)]) -> App {
    let mut settings = vec![
        ("APP_MEMORY_BUDGET", "8MiB"),
        ("APP_REQUEST_LOG", "off"),
        ("APP_FIRST_HEAD_TIMEOUT", "60s"),
        ("APP_BODY_TIMEOUT", "60s"),
        ("APP_ANSWER_TIMEOUT", "60s"),
    ];
    settings.extend(more);
    App::start(&settings)
}

/// The largest resident set that the process has had, in bytes.
fn peak(app: &App) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Connections closed for memory so far.
fn closed(app: &App) -> u64 {
    app.count("app_connections_ended_total{reason=\"memory\"}")
}

/// A client with small requests is served, whatever the others do.
fn assert_serves(app: &App) {
    assert_eq!(app.get("/healthz").status, 200);
    let echo =
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nsmall";
    assert_eq!(app.request(echo).body, "small");
}

/// Clients that each send this and wait.
fn hold(app: &App, count: usize, bytes: &[u8]) -> Vec<Client> {
    let mut clients = Vec::new();
    for index in 0..count {
        let mut client = app.connect();
        // A client that is closed meanwhile cannot send the rest.
        let _ = client.try_send(bytes);
        clients.push(client);
        if index % 20 == 0 {
            assert_serves(app);
        }
    }
    clients
}

#[test]
fn unfinished_bodies_are_bounded() {
    let app = app(&[]);
    let length = 1 << 20;
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let almost = [head.into_bytes(), vec![b'x'; length - 1]].concat();
    let mut clients = hold(&app, 100, &almost);
    assert_serves(&app);
    common::wait("most of 100 to be closed", || {
        (closed(&app) >= 90).then_some(())
    });
    assert!(peak(&app) < PROCESS + 16 * MIB, "{}", peak(&app));
    // Closed connections got a response, and the others continue.
    let mut responses = [0, 0];
    for client in &mut clients {
        let _ = client.stream.write_all(b"x");
        match client.try_response() {
            Some(response) if response.status == 200 => responses[0] += 1,
            Some(response) => {
                response.assert_problem(503);
                responses[1] += 1;
            }
            None => {}
        }
    }
    assert!(responses[0] > 0 && responses[1] > 0, "{responses:?}");
}

#[test]
fn unfinished_heads_are_bounded() {
    let app = app(&[]);
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}", "b".repeat(16_000));
    let clients = hold(&app, 1000, head.as_bytes());
    assert_serves(&app);
    common::wait("half of 1000 to be closed", || {
        (closed(&app) >= 500).then_some(())
    });
    let answered = "app_early_answers_total{status=\"503\"}";
    assert!(app.count(answered) > 0, "they get a response");
    assert!(peak(&app) < PROCESS + 16 * MIB, "{}", peak(&app));
    drop(clients);
}

#[test]
fn responses_that_nobody_reads_are_bounded() {
    let app = app(&[]);
    let body = "x".repeat(500_000);
    let echo = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n{body}");
    let mut clients = hold(&app, 60, echo.as_bytes());
    common::wait("some to be closed", || (closed(&app) > 0).then_some(()));
    assert_serves(&app);
    assert!(peak(&app) < PROCESS + 16 * MIB, "{}", peak(&app));
    for client in &mut clients {
        client.stream.set_nonblocking(true).unwrap();
    }
}

#[test]
fn memory_of_disconnected_clients_is_released() {
    let app = app(&[]);
    let body = "x".repeat(1 << 20);
    let echo = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n{body}");
    let mut kept = app.connect();
    for _ in 0..40 {
        let mut client = app.connect();
        client.send(echo.as_bytes());
        assert_eq!(client.response().body.len(), 1 << 20);
        kept.send(echo.as_bytes());
        assert_eq!(kept.response().body.len(), 1 << 20);
        kept.send(GET);
        assert_eq!(kept.response().status, 200);
    }
    assert_eq!(closed(&app), 0);
}

#[test]
fn a_budget_too_small_for_one_request_is_refused() {
    let mut command = common::command(&[
        ("APP_LISTEN", "127.0.0.1:0"),
        ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("APP_MEMORY_BUDGET", "1MiB"),
    ]);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("APP_MEMORY_BUDGET"), "{error}");
}
