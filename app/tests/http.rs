//! The responses of all routes, and the headers that each has.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::{App, command};

#[test]
fn the_greeting_is_plain_text_to_curl_and_a_page_to_a_browser() {
    let app = App::start(&[]);
    let plain =
        app.request("GET / HTTP/1.1\r\nhost: x\r\naccept: */*\r\nconnection: close\r\n\r\n");
    assert_eq!(
        (plain.status, plain.body.as_str()),
        (200, "Hello from Rust on Kubernetes!\n")
    );
    assert_eq!(
        plain.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let plain = app.request("GET / HTTP/1.1\r\nhost: x\r\naccept: text/html;q=0, */*\r\n\r\n");
    assert_eq!(
        plain.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let page = app.request("GET / HTTP/1.1\r\nhost: x\r\naccept: text/html,*/*;q=0.8\r\n\r\n");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.body.contains("pod-under-test"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn every_response_is_fresh_typed_and_named() {
    let app = App::start(&[]);
    let paths = [
        "/",
        "/hop",
        "/info",
        "/healthz",
        "/readyz",
        "/startupz",
        "/nothing",
    ];
    let mut ids = Vec::new();
    for path in paths {
        let response = app.get(path);
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert!(response.header("content-type").is_some(), "{path}");
        assert!(response.header("date").is_some(), "{path}");
        ids.push(response.header("x-request-id").unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), paths.len(), "ids repeat");
}

#[test]
fn errors_are_problems_and_never_200() {
    let app = App::start(&[]);
    app.get("/nothing").assert_problem(404);
    app.get("//").assert_problem(404);
    let wrong = app.request("DELETE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    wrong.assert_problem(405);
    assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
    app.get("/echo").assert_problem(405);
    app.admin("GET", "/nothing", "").assert_problem(404);
    app.admin("DELETE", "/metrics", "").assert_problem(405);
    app.admin("PUT", "/faults", "status=503")
        .assert_problem(403);
}

#[test]
fn head_is_get_without_the_body() {
    let app = App::start(&[]);
    let get = app.get("/");
    let mut client = app.connect();
    client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    // Not read by its length, which is that of the missing body.
    let mut received = vec![0; 4096];
    let mut text = String::new();
    while !text.contains("ok\n") {
        let count = std::io::Read::read(&mut client.stream, &mut received).unwrap();
        text.push_str(std::str::from_utf8(&received[..count]).unwrap());
    }
    assert!(
        text.contains(&format!("content-length: {}", get.body.len())),
        "{text}"
    );
    assert!(!text.contains("Hello"), "{text}");
    let cut = "app_requests_total{route=\"/\",method=\"HEAD\",status=\"0\"}";
    let fine = "app_requests_total{route=\"/\",method=\"HEAD\",status=\"200\"}";
    assert_eq!((app.count(cut), app.count(fine)), (0, 1));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = App::start(&[]);
    let mut client = app.connect();
    let paths = ["/healthz", "/readyz", "/nothing", "/startupz", "/hop"];
    let request = |path| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let all = paths.map(request).concat();
    client.send(all.as_bytes());
    let found: Vec<_> = paths.iter().map(|_| client.response().body).collect();
    assert_eq!(
        (found[0].as_str(), found[1].as_str(), found[3].as_str()),
        ("ok\n", "ready\n", "started\n")
    );
    assert!(found[2].contains("404") && found[4].contains("pod-under-test"));
}

#[test]
fn a_request_behind_another_does_not_change_its_response() {
    let app = App::start(&[]);
    let bodies = [
        "content-length: 3\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let mut client = app.connect();
        // In one packet. The second request has no body and another version, and closes the connection.
        let second = "HEAD / HTTP/1.0\r\n\r\n";
        client.send(format!("POST /echo HTTP/1.1\r\nhost: x\r\n{body}{second}").as_bytes());
        let mut responses = String::new();
        std::io::Read::read_to_string(&mut client.stream, &mut responses).unwrap();
        let (first, second) = responses.split_once("\r\n\r\n").unwrap();
        assert!(first.starts_with("HTTP/1.1 200"), "{responses}");
        assert!(!first.contains("connection"), "{responses}");
        assert!(second.starts_with("abcHTTP/1.0 200"), "{responses}");
    }
}

#[test]
fn nothing_is_answered_behind_a_response_that_closes() {
    let app = App::start(&[]);
    let requests = [
        ("GET /hop HTTP/1.1\r\nhost: x\r\n\r\n", 200),
        (
            "PUT /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            405,
        ),
        (
            "PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc",
            405,
        ),
    ];
    for (request, status) in requests {
        let mut client = app.connect();
        // More than is read at once, so that some of it is still in the socket.
        let more = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(10_000);
        client.send(format!("{request}{more}").as_bytes());
        let response = client.response();
        assert_eq!(response.status, status, "{request}");
        assert_eq!(response.header("connection"), Some("close"), "{request}");
        assert!(client.try_response().is_none(), "{request}");
    }
}

#[test]
fn a_hop_has_a_connection_of_its_own() {
    let app = App::start(&[]);
    let mut client = app.connect();
    client.send(b"GET /hop HTTP/1.1\r\nhost: x\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(response.json()["pod"], "pod-under-test");
    client.closed_after();
}

#[test]
fn info_names_the_pod_and_the_client() {
    let app = App::start(&[
        ("APP_POD_NAMESPACE", "demo"),
        ("APP_NODE_NAME", "node-1"),
        ("APP_ZONE", "eu-west-1a"),
        ("APP_TRUSTED_PROXIES", "127.0.0.0/8"),
    ]);
    let response = app.request(
        "GET /info HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 1.1.1.1, 203.0.113.9\r\n\
         x-request-id: mine-7\r\nconnection: close\r\n\r\n",
    );
    let info = response.json();
    assert_eq!(response.header("x-request-id"), Some("mine-7"));
    assert_eq!(info["request_id"], "mine-7");
    assert_eq!(info["pod"], "pod-under-test");
    assert_eq!(info["namespace"], "demo");
    assert_eq!(info["node"], "node-1");
    assert_eq!(info["zone"], "eu-west-1a");
    assert_eq!(info["state"], "ready");
    assert_eq!(info["config_digest"].as_str().unwrap().len(), 64);
    assert_eq!(info["client"]["address"], "203.0.113.9");
    assert_eq!(info["client"]["believed_from"], "x-forwarded-for");
    let line = app.wait_for_log("mine-7");
    assert!(line.contains("\"client\":\"203.0.113.9\""), "{line}");
    assert_eq!(info["client"]["x_forwarded_for"], "1.1.1.1, 203.0.113.9");
}

#[test]
fn a_harmful_request_id_is_replaced() {
    let app = App::start(&[]);
    let response =
        app.request("GET / HTTP/1.1\r\nhost: x\r\nx-request-id: a\"b\r\nconnection: close\r\n\r\n");
    assert_eq!(response.header("x-request-id").unwrap().len(), 16);
}

#[test]
fn a_callers_trace_is_continued() {
    let app = App::start(&[]);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let response = app.request(&format!(
        "GET / HTTP/1.1\r\nhost: x\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\
         connection: close\r\n\r\n"
    ));
    let ours = response.header("traceparent").unwrap();
    assert!(
        ours.starts_with(&format!("00-{trace}-")) && ours.ends_with("-01"),
        "{ours}"
    );
    assert!(
        !ours.contains("00f067aa0ba902b7"),
        "the span is ours: {ours}"
    );
    let line = app.wait_for_log(trace);
    assert!(
        line.contains(response.header("x-request-id").unwrap()),
        "{line}"
    );
}

#[test]
fn replicas_have_one_configuration_digest_and_other_settings_another() {
    let digest = |settings: &[(&str, &str)]| {
        let output = command(settings).arg("check").output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let one = digest(&[
        ("APP_POD_NAME", "a"),
        ("APP_NODE_NAME", "n"),
        ("APP_ZONE", "z"),
    ]);
    assert_eq!(one, digest(&[("APP_POD_NAME", "b")]));
    assert_ne!(one, digest(&[("APP_GREETING", "other")]));
}

#[test]
fn the_probe_succeeds_and_fails_like_one_of_kubernetes() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    let probe = |path: &str| {
        let url = format!("http://{}{path}", app.public);
        command(&[]).args(["probe", &url]).output().unwrap()
    };
    let fine = probe("/readyz");
    assert!(fine.status.success());
    assert_eq!(fine.stdout, b"ready\n");
    assert_eq!(app.admin("PUT", "/faults", "not-ready").status, 200);
    let failed = probe("/readyz");
    assert_eq!(failed.status.code(), Some(1));
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert!(
        stderr.contains("responded 503") && failed.stdout.is_empty(),
        "{stderr}"
    );
    let closed = command(&[])
        .args(["probe", "http://127.0.0.1:1/"])
        .output()
        .unwrap();
    assert_eq!(closed.status.code(), Some(1));
    let wrong = command(&[]).args(["probe", "ftp://x"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn admin_paths_are_not_public() {
    let app = App::start(&[]);
    for path in ["/metrics", "/livez", "/log", "/faults"] {
        app.get(path).assert_problem(404);
        assert_ne!(app.admin("GET", path, "").status, 404, "{path}");
    }
}
