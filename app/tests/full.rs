//! At the connection limit idle connections make room, probes and metrics are always served, and the process
//! has a descriptor for each connection.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::process::{Command, Stdio};

use common::{App, Client, GET, Response};

fn full() -> App {
    App::start(&[
        ("APP_MAX_CONNECTIONS", "3"),
        ("APP_BODY_TIMEOUT", "60s"),
        ("APP_FIRST_HEAD_TIMEOUT", "60s"),
    ])
}

/// Idle kept-alive connections.
fn idle(app: &App, count: usize) -> Vec<Client> {
    let connect = |_| {
        let mut client = app.connect();
        client.send(GET);
        assert_eq!(client.response().status, 200);
        client
    };
    (0..count).map(connect).collect()
}

/// Connections with half a body.
fn busy(app: &App, count: usize) -> Vec<Client> {
    let half = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345";
    let clients: Vec<_> = (0..count)
        .map(|_| {
            let mut client = app.connect();
            client.send(half);
            client
        })
        .collect();
    common::wait("the requests", || {
        (app.count("app_requests_in_flight") == count as u64).then_some(())
    });
    clients
}

fn try_get(app: &App, path: &str) -> Option<Response> {
    let mut client = app.connect();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    client
        .try_send(request.as_bytes())
        .then(|| client.try_response())?
}

/// Polls until it succeeds, as load balancers and kubelets do.
fn wait_for(app: &App, path: &str) {
    common::wait(path, || {
        try_get(app, path).filter(|response| response.status == 200)
    });
}

#[test]
fn the_connection_that_was_idle_for_longest_makes_room() {
    let app = full();
    let mut clients = idle(&app, 3);
    common::wait("room", || {
        for client in &mut clients[1..] {
            client.send(GET);
            assert_eq!(client.response().status, 200, "it is not the oldest");
        }
        try_get(&app, "/").filter(|response| response.status == 200)
    });
    assert!(clients[0].try_response().is_none(), "it was the oldest");
}

#[test]
fn if_none_is_idle_only_probes_are_answered() {
    let app = full();
    let mut clients = busy(&app, 3);
    for path in ["/healthz", "/readyz", "/startupz"] {
        let response = app.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("connection"), Some("close"), "{path}");
    }
    let refused = app.get("/");
    refused.assert_problem(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("connection"), Some("close"));
    for client in &mut clients {
        client.send(b"67890");
        assert_eq!(client.response().body, "1234567890");
    }
    wait_for(&app, "/");
}

#[test]
fn silent_connections_block_no_probe() {
    let app = full();
    let silent: Vec<_> = (0..300).map(|_| app.connect()).collect();
    for path in ["/healthz", "/readyz", "/"] {
        wait_for(&app, path);
    }
    drop(silent);
}

#[test]
fn a_silent_connection_over_the_limit_gets_a_reason_before_it_is_closed() {
    let app = full();
    let held = busy(&app, 3);
    app.connect().response().assert_problem(503);
    let counted = "app_early_answers_total{status=\"503\"}";
    // A response is counted once it is on its way.
    common::wait("the count", || (app.count(counted) == 1).then_some(()));
    drop(held);
}

#[test]
fn idle_connections_do_not_block_metrics() {
    let app = App::start(&[]);
    let asked_once = |_| {
        let mut client = Client::connect(app.admin);
        client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(client.response().status, 200);
        client
    };
    let idle: Vec<_> = (0..100).map(asked_once).collect();
    let silent: Vec<_> = (0..100).map(|_| Client::connect(app.admin)).collect();
    assert_eq!(app.count("app_state{state=\"ready\"}"), 1);
    assert_eq!(app.admin("GET", "/livez", "").status, 200);
    drop((idle, silent));
}

/// Starts the service with these limits of descriptors, set by the shell.
fn limited(limit: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit {limit} && exec \"$0\"");
    command.args(["-c", script.as_str(), env!("CARGO_BIN_EXE_rust-k8s-app")]);
    command.env_clear().envs(settings.iter().copied());
    command
}

const PORTS: [(&str, &str); 2] = [
    ("APP_LISTEN", "127.0.0.1:0"),
    ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
];

#[test]
fn too_few_descriptors_fail_the_start_and_the_error_has_the_figure() {
    for (limit, figure) in [("-n 64", "64"), ("-n 12", "12"), ("-Hn 900", "900")] {
        let limit = if limit.starts_with("-H") {
            "-Sn 900 && ulimit -Hn 900"
        } else {
            limit
        };
        let output = limited(limit, &PORTS)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit}: {error}");
        assert!(error.contains(&format!("may open {figure} ")), "{error}");
        assert!(error.contains("APP_MAX_CONNECTIONS=10000"), "{error}");
        assert!(!error.contains("\"ready\""), "{error}");
    }
}

#[test]
fn the_soft_limit_is_raised_to_what_the_settings_need() {
    let settings = [
        ("APP_MAX_CONNECTIONS", "200"),
        ("APP_WORKERS", "1"),
        PORTS[0],
        PORTS[1],
    ];
    let app = App::start_with(limited("-Sn 40", &[]), &settings);
    let mut clients = idle(&app, 200);
    assert_eq!(app.get("/healthz").status, 200);
    assert_eq!(app.admin("GET", "/livez", "").status, 200);
    for client in &mut clients[100..] {
        client.send(GET);
        assert_eq!(client.response().status, 200);
    }
}
