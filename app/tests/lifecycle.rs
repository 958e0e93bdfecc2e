//! From start to the end of a drain: the results of probes, which requests are served, and how the result
//! is reported.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{App, GET, wait};

#[test]
fn a_draining_pod_is_alive_unready_and_serves() {
    let app = App::start(&[("APP_DRAIN_DELAY", "5s"), ("APP_DRAIN_DEADLINE", "60s")]);
    let mut kept = app.connect();
    kept.send(GET);
    assert_eq!(kept.response().header("connection"), None);
    assert_eq!(app.get("/readyz").status, 200);

    app.terminate();
    wait("readiness to fail", || {
        (app.get("/readyz").status == 503).then_some(())
    });
    let unready = app.get("/readyz");
    unready.assert_problem(503);
    assert!(unready.body.contains("draining"), "{unready:?}");
    assert_eq!(
        app.get("/healthz").status,
        200,
        "the load balancer's health check passes"
    );
    assert_eq!(app.admin("GET", "/livez", "").status, 200);
    assert_eq!(app.get("/startupz").status, 200);
    assert_eq!(app.count("app_state{state=\"draining\"}"), 1);
    kept.send(GET);
    let last = kept.response();
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    kept.closed_after();
    let (status, log) = app.wait();
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(
        log.iter()
            .any(|line| line.contains("every request was answered")),
        "{log:#?}"
    );
}

#[test]
fn a_drain_without_requests_is_complete_after_its_delay() {
    let app = App::start(&[("APP_DRAIN_DELAY", "200ms"), ("APP_DRAIN_DEADLINE", "1h")]);
    let mut idle = app.connect();
    idle.send(GET);
    idle.response();
    let silent = app.connect();
    let begun = Instant::now();
    app.terminate();
    let (status, _) = app.wait();
    let took = begun.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(took >= Duration::from_millis(200), "{took:?}");
    drop(silent);
}

#[test]
fn a_request_in_flight_is_answered_after_the_listener_is_closed() {
    let app = App::start(&[
        ("APP_DRAIN_DELAY", "0s"),
        ("APP_DRAIN_DEADLINE", "60s"),
        ("APP_FAULTS", "on"),
    ]);
    let mut client = app.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\nx-app-fault: latency=3s\r\n\r\n");
    wait("the request", || {
        (app.count("app_requests_in_flight") == 1).then_some(())
    });
    let public = app.public;
    app.terminate();
    app.wait_for_log("listener closed");
    assert!(
        TcpStream::connect(public).is_err(),
        "the listener is closed"
    );
    assert_eq!(client.response().status, 200);
    assert_eq!(app.wait().0.code(), Some(0));
}

#[test]
fn a_request_that_arrived_in_part_is_awaited() {
    let app = App::start(&[("APP_DRAIN_DELAY", "0s"), ("APP_DRAIN_DEADLINE", "60s")]);
    let mut client = app.connect();
    client.send(b"GET / HTTP/1.1\r\n");
    std::thread::sleep(Duration::from_millis(100));
    app.terminate();
    app.wait_for_log("listener closed");
    client.send(b"host: x\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(app.wait().0.code(), Some(0));
}

#[test]
fn requests_cut_by_the_deadline_are_reported_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let settings = [
        ("APP_DRAIN_DELAY", "0s"),
        ("APP_DRAIN_DEADLINE", "200ms"),
        ("APP_FAULTS", "on"),
        ("APP_DATA_DIR", path),
    ];
    let app = App::start(&settings);
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = app.connect();
            client.send(b"GET / HTTP/1.1\r\nhost: x\r\nx-app-fault: latency=60s\r\n\r\n");
            client
        })
        .collect();
    wait("the requests", || {
        (app.count("app_requests_in_flight") == 3).then_some(())
    });
    app.terminate();
    let (status, log) = app.wait();
    assert_eq!(status.code(), Some(1));
    let line = log
        .iter()
        .find(|line| line.contains("deadline cut requests"))
        .unwrap();
    assert!(line.contains("\"cut\":3"), "{line}");
    assert_eq!(
        log.iter()
            .filter(|line| line.contains("\"cut\":true"))
            .count(),
        3,
        "{log:#?}"
    );
    for client in &mut clients {
        assert!(client.try_response().is_none());
    }
    let next = App::start(&settings);
    assert_eq!(next.count("app_drain_cut_requests{drain=\"last\"}"), 3);
}

#[test]
fn an_interrupt_skips_the_delay_and_a_second_sigterm_does_not() {
    let app = App::start(&[("APP_DRAIN_DELAY", "60s"), ("APP_DRAIN_DEADLINE", "5s")]);
    app.terminate();
    app.wait_for_log("draining");
    app.terminate();
    // The main thread has been polled often enough to receive the signal.
    for _ in 0..20 {
        assert_eq!(app.get("/healthz").status, 200);
        assert_eq!(app.count("app_state{state=\"draining\"}"), 1);
    }
    common::signal(app.pid(), "INT");
    app.wait_for_log("the rest of the delay is skipped");
    assert_eq!(app.wait().0.code(), Some(0));
}

#[test]
fn no_connection_is_lost_when_the_listener_closes() {
    for _ in 0..5 {
        let app = App::start(&[("APP_DRAIN_DELAY", "0s"), ("APP_DRAIN_DEADLINE", "60s")]);
        let public = app.public;
        let answered = Arc::new(AtomicU32::new(0));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let answered = Arc::clone(&answered);
                std::thread::spawn(move || {
                    // Until the listener is closed: each accepted connection gets a response.
                    while let Ok(stream) = TcpStream::connect(public) {
                        drop(stream.set_nodelay(true));
                        let mut client = common::Client::connect_from(stream);
                        if !client.try_send(GET) {
                            return 1;
                        }
                        match client.try_response() {
                            Some(response) if response.status == 200 => {
                                answered.fetch_add(1, Ordering::SeqCst);
                            }
                            _ => return 1,
                        }
                    }
                    0
                })
            })
            .collect();
        wait("the load", || {
            (answered.load(Ordering::SeqCst) > 100).then_some(())
        });
        app.terminate();
        let lost: u32 = load.into_iter().map(|each| each.join().unwrap()).sum();
        let answered = answered.load(Ordering::SeqCst);
        // A connection that the kernel completes after the queue was emptied and before the listener
        // is closed cannot be served: that is what the delay is for.
        assert!(lost <= 1, "{lost} of {answered} lost");
        assert_eq!(app.wait().0.code(), Some(0));
    }
}
