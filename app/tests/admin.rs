//! The admin listener: metrics, log filter, faults; and the request log.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use common::{App, GET, wait};

#[test]
fn metrics_are_valid_and_count() {
    let app = App::start(&[("APP_WORKERS", "3")]);
    let mut clients: Vec<_> = (0..9).map(|_| app.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        assert_eq!(client.response().status, 200);
    }
    let response = app.admin("GET", "/metrics", "");
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let mut typed = std::collections::BTreeSet::new();
    for line in response.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} is there twice");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
                name.strip_suffix(suffix)
                    .filter(|name| typed.contains(*name))
            });
            assert!(typed.contains(family.unwrap_or(name)), "{line} has no type");
        }
    }
    assert_eq!(
        app.count("app_requests_total{route=\"/\",method=\"GET\",status=\"200\"}"),
        9
    );
    assert_eq!(
        app.count("app_request_duration_seconds_count{route=\"/\"}"),
        9
    );
    assert_eq!(app.count("app_connections"), 9);
    drop(clients);
    wait("the connections to be closed", || {
        (app.count("app_connections") == 0).then_some(())
    });
    assert!(app.count("process_resident_memory_bytes") > 100_000);
}

#[test]
fn connections_are_distributed_evenly() {
    let app = App::start(&[("APP_WORKERS", "3"), ("APP_FAULTS", "on")]);
    // Each connection is held while the next one is opened, so the worker with the fewest changes each time.
    let mut clients: Vec<_> = (0..30).map(|_| app.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        assert_eq!(client.response().status, 200);
    }
    let threads = std::fs::read_dir(format!("/proc/{}/task", app.pid())).unwrap();
    let workers = threads
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("worker-"))
        .count();
    assert_eq!(workers, 3);
    assert_eq!(app.count("app_connections"), 30);
}

#[test]
fn the_log_filter_changes_at_run_time() {
    let app = App::start(&[]);
    assert!(app.admin("GET", "/log", "").body.contains("info"));
    app.get("/hop");
    app.wait_for_log("\"/hop\"");
    app.admin("PUT", "/log", "inof").assert_problem(400);
    assert_eq!(app.admin("PUT", "/log", "warn").status, 200);
    app.get("/info");
    assert_eq!(app.admin("PUT", "/log", "debug").status, 200);
    app.get("/healthz");
    app.wait_for_log("\"/healthz\"");
    assert!(
        !app.log().iter().any(|line| line.contains("\"/info\"")),
        "it was silenced"
    );
}

#[test]
fn each_request_is_logged_once_and_successful_probes_are_not() {
    let app = App::start(&[]);
    app.get("/");
    app.get("/readyz");
    app.get("/lost?secret=1");
    let line = app.wait_for_log("\"not_found\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["status"], 404);
    assert_eq!(line["path"], "/lost", "a query may contain secrets");
    for field in [
        "timestamp",
        "level",
        "request_id",
        "method",
        "bytes",
        "duration_us",
        "trace_id",
        "client",
    ] {
        assert!(!line[field].is_null(), "{field}: {line}");
    }
    let requests = app
        .log()
        .iter()
        .filter(|line| line.contains("app::request"))
        .count();
    assert_eq!(requests, 2, "{:#?}", app.log());
}

#[test]
fn lines_beyond_the_rate_are_dropped_and_counted_but_problems_are_not() {
    let app = App::start(&[("APP_REQUEST_LOG_RATE", "10"), ("APP_WORKERS", "1")]);
    let mut client = app.connect();
    for _ in 0..200 {
        client.send(GET);
        client.response();
    }
    for _ in 0..30 {
        client.send(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n");
        client.response();
    }
    let count = |part: &str| {
        let lines = app.log();
        lines.iter().filter(|line| line.contains(part)).count() as u64
    };
    wait("the problems' lines", || {
        (count("\"not_found\"") == 30).then_some(())
    });
    let written = count("\"route\":\"/\"");
    assert!((5..60).contains(&written), "{written}");
    let dropped = app.count("app_log_lines_dropped_total{reason=\"rate\"}");
    assert_eq!(dropped + written, 200);
}

#[test]
fn a_blocked_log_reader_blocks_no_request() {
    let mut command = common::command(&[
        ("APP_LISTEN", "127.0.0.1:0"),
        ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("APP_REQUEST_LOG_RATE", "0"),
        ("APP_WORKERS", "1"),
    ]);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = listening["public"].as_str().unwrap().parse().unwrap();
    // Nothing is read from now on: the pipe fills up, and then the queue.
    let mut client = common::Client::connect(address);
    for _ in 0..6000 {
        client.send(GET);
        assert_eq!(client.response().status, 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn faults_affect_requests_and_not_probes() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    assert_eq!(
        app.admin("PUT", "/faults", "status=503").body,
        "status=503\n"
    );
    app.get("/").assert_problem(503);
    assert_eq!(app.get("/healthz").status, 200);
    assert_eq!(app.get("/readyz").status, 200);
    assert_eq!(
        app.admin("PUT", "/faults", "percent=20 status=500").status,
        200
    );
    let mut client = app.connect();
    let failed = (0..500)
        .filter(|_| {
            client.send(GET);
            client.response().status == 500
        })
        .count();
    assert!(
        (50..160).contains(&failed),
        "{failed} of 500 failed, at 20 %"
    );
    assert_eq!(app.admin("DELETE", "/faults", "").status, 200);
    assert_eq!(app.get("/").status, 200);
    app.admin("PUT", "/faults", "nonsense").assert_problem(400);
}

#[test]
fn a_header_injects_a_fault_into_one_request() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    let ask = |fault: &str| {
        format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-app-fault: {fault}\r\n\r\n")
    };
    app.request(&ask("status=504")).assert_problem(504);
    let begun = Instant::now();
    assert_eq!(app.request(&ask("latency=300ms")).status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let mut client = app.connect();
    client.send(ask("abort").as_bytes());
    assert!(client.try_response().is_none());
    wait("the cut request to be counted", || {
        let cut = "app_requests_total{route=\"/\",method=\"GET\",status=\"0\"}";
        (app.count(cut) == 1).then_some(())
    });
    // A client that has closed its side is not read any more. The process is stopped until the end of the
    // stream has arrived with the request, the first time.
    for is_stopped in [true, false] {
        let mut client = app.connect();
        let stop = |name| is_stopped.then(|| common::signal(app.pid(), name));
        stop("STOP");
        client.send(ask("latency=300ms abort").as_bytes());
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        stop("CONT");
        assert!(client.try_response().is_none());
    }
    let off = App::start(&[]);
    assert_eq!(
        off.request(&ask("status=504")).status,
        200,
        "only where faults are on"
    );
}

#[test]
fn load_is_real_and_can_be_removed() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    let before = app.count("process_resident_memory_bytes");
    assert_eq!(
        app.admin("PUT", "/faults", "memory=64MiB cpu=1").status,
        200
    );
    assert!(app.count("process_resident_memory_bytes") > before + 60_000_000);
    let cpu = app.seconds("process_cpu_seconds_total");
    wait("CPU to burn", || {
        (app.seconds("process_cpu_seconds_total") > cpu + 0.1).then_some(())
    });
    let threads = app.count("process_threads");
    assert_eq!(app.admin("DELETE", "/faults", "").status, 200);
    wait("the load to stop", || {
        (app.count("process_threads") == threads - 1).then_some(())
    });
    assert!(app.count("process_resident_memory_bytes") < before + 10_000_000);
}

#[test]
fn pages_of_other_names_and_origins_change_nothing() {
    let app = App::start(&[("APP_FAULTS", "on"), ("APP_ADMIN_HOSTS", "metrics.example")]);
    let put = |headers: &str| {
        app.admin_request(&format!(
            "PUT /faults HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: 10\r\n\r\nstatus=503"
        ))
    };
    put("host: rebound.example:9090\r\n").assert_problem(421);
    put("host: localhost\r\norigin: http://rebound.example\r\n").assert_problem(403);
    put("").assert_problem(400);
    assert_eq!(app.get("/").status, 200, "no fault is in force");
    for host in ["127.0.0.1:9090", "[::1]", "metrics.example"] {
        assert_eq!(put(&format!("host: {host}\r\n")).status, 200, "{host}");
    }
}

#[test]
fn a_refused_method_names_those_that_are_allowed() {
    let app = App::start(&[]);
    for (path, allowed) in [
        ("/metrics", "GET, HEAD"),
        ("/log", "GET, HEAD, PUT"),
        ("/faults", "GET, HEAD, PUT, DELETE"),
    ] {
        let refused = app.admin("POST", path, "");
        refused.assert_problem(405);
        assert_eq!(refused.header("allow"), Some(allowed), "{path}");
    }
    app.admin("GET", "/nothing", "").assert_problem(404);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let app = App::start(&[]);
    for path in ["/", "/livez", "/log"] {
        let mut client = common::Client::connect(app.admin);
        client.send(format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
        let head = client.head();
        assert_eq!(head.status, 200, "{path}");
        let get = app.admin("GET", path, "");
        assert_eq!(head.header("content-length"), get.header("content-length"));
        client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(client.response().body, "ok\n", "no body was sent before");
    }
}

#[test]
fn a_body_that_is_too_large_is_a_problem() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    app.admin("PUT", "/log", &"x".repeat(5000))
        .assert_problem(413);
    app.admin("PUT", "/faults", &"x".repeat(5000))
        .assert_problem(413);
}

#[test]
fn an_invalid_fault_header_is_refused() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    let ask = |fault: &str| {
        app.request(&format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-app-fault: {fault}\r\n\r\n"
        ))
    };
    let refused = ask("explode");
    refused.assert_problem(400);
    assert!(refused.body.contains("x-app-fault"), "{refused:?}");
    ask("status=503\r\nx-app-fault: stauts=504").assert_problem(400);
}

#[test]
fn the_largest_memory_fault_is_accepted_as_documented() {
    let app = App::start(&[("APP_FAULTS", "on")]);
    let refused = app.admin("PUT", "/faults", "memory=2GiB");
    refused.assert_problem(400);
    assert!(refused.body.contains("1GiB"), "{refused:?}");
    assert_eq!(
        app.request(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-app-fault: memory=1GiB\r\n\r\n"
        )
        .status,
        200
    );
}

#[test]
fn bytes_that_are_not_a_request_are_a_problem() {
    let app = App::start(&[]);
    app.admin_request("GET / HTTP/1.1\r\nhost : x\r\n\r\n")
        .assert_problem(400);
    app.admin_request(&format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    ))
    .assert_problem(431);
}

#[test]
fn a_panic_aborts_the_process_if_faults_are_on() {
    let app = App::start(&[]);
    app.admin("POST", "/panic", "").assert_problem(403);
    let app = App::start(&[("APP_FAULTS", "on")]);
    let refused = app.admin("GET", "/panic", "");
    refused.assert_problem(405);
    assert_eq!(refused.header("allow"), Some("POST"));
    let mut client = common::Client::connect(app.admin);
    client.send(b"POST /panic HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    assert!(client.try_response().is_none());
    let (status, log) = app.wait();
    assert_eq!(status.signal(), Some(6), "SIGABRT");
    assert!(
        log.iter().any(|line| line.contains("POST /panic")),
        "{log:#?}"
    );
}
