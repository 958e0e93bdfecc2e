//! The load generator against servers that do one thing each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{Client, Load, Pace, Plan, Reason, Report};

/// A limit against a hang, far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(2);

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

/// Serves every connection, each on its own thread, by `serve`, until the process exits.
fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// Reads one request's head; false when the connection is closed.
fn request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// A server that gives every request of a connection the same response.
fn always(response: &'static str) -> SocketAddr {
    server(move |mut stream| {
        while request(&mut stream) {
            stream.write_all(response.as_bytes()).unwrap();
        }
    })
}

fn plan(target: SocketAddr) -> Plan {
    Plan {
        body: Some(b"hi".to_vec()),
        connections: 4,
        requests: 100,
        time: TIMEOUT,
        timeout: TIMEOUT,
        ..Plan::new(target)
    }
}

fn run(plan: Plan) -> Report {
    Load::run(plan).unwrap()
}

/// All of 20 requests fail for this reason.
fn check_fails(target: SocketAddr, reason: Reason) {
    // The timeout must not expire first, unless the test is about it.
    let timeout = match reason {
        Reason::TimedOut => Duration::from_millis(200),
        _ => TIMEOUT,
    };
    for client in [Client::KeptAlive, Client::OneShot] {
        let plan = Plan {
            client,
            requests: 20,
            timeout,
            ..plan(target)
        };
        let report = run(plan);
        assert_eq!(
            (report.ok, report.failed.get(&reason)),
            (0, Some(&20)),
            "{client:?}: {report}"
        );
    }
}

#[test]
fn kept_alive_connections_are_reused() {
    let report = run(plan(always(GOOD)));
    assert_eq!(
        (report.ok, report.failed(), report.connections),
        (100, 0, 4),
        "{report}"
    );
}

#[test]
fn one_shot_clients_open_a_connection_for_each_request() {
    let report = run(Plan {
        client: Client::OneShot,
        ..plan(always(GOOD))
    });
    assert_eq!(
        (report.ok, report.failed(), report.connections),
        (100, 0, 100),
        "{report}"
    );
}

#[test]
fn connection_close_is_honoured() {
    let report = run(plan(always(LAST)));
    assert_eq!(
        (report.ok, report.failed(), report.connections),
        (100, 0, 100),
        "{report}"
    );
    assert_eq!(report.close_requested, 100);
}

#[test]
fn a_connection_closed_between_requests_is_not_a_failure() {
    let target = server(|mut stream| {
        if request(&mut stream) {
            // One segment carries the response and the close, so the client sees them together.
            SockRef::from(&stream).set_tcp_cork(true).unwrap();
            stream.write_all(GOOD.as_bytes()).unwrap();
        }
    });
    let report = run(Plan {
        pace: Pace::Rate(4),
        requests: 5,
        connections: 1,
        ..plan(target)
    });
    assert_eq!((report.ok, report.failed()), (5, 0), "{report}");
    assert!(
        report.closed_idle >= 4,
        "the last one's may arrive after the load stopped: {report}"
    );
}

#[test]
fn a_connection_closed_on_a_reused_request_is_a_failure() {
    let target = server(|mut stream| {
        if request(&mut stream) {
            stream.write_all(GOOD.as_bytes()).unwrap();
            request(&mut stream);
        }
    });
    let report = run(Plan {
        requests: 10,
        connections: 1,
        ..plan(target)
    });
    assert_eq!((report.ok, report.failed()), (5, 5), "{report}");
    assert!(
        report.failures.iter().all(|failure| failure.reused),
        "{report}"
    );
}

#[test]
fn a_malformed_response_fails_with_its_reason() {
    check_fails(
        always("HTTP/1.1 503 \r\nContent-Length: 2\r\n\r\nhi"),
        Reason::Status(503),
    );
    check_fails(
        always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nho"),
        Reason::Body,
    );
    check_fails(
        always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!"),
        Reason::Malformed("bytes after the response"),
    );
    check_fails(
        always("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"),
        Reason::TimedOut,
    );
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    check_fails(nobody, Reason::Refused);
}

#[test]
fn a_truncated_response_and_a_reset_are_distinct_failures() {
    let cut = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(&GOOD.as_bytes()[..GOOD.len() - 1]);
    });
    check_fails(cut, Reason::Closed);
    let reset = server(|mut stream| {
        request(&mut stream);
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    check_fails(reset, Reason::Reset);
}

#[test]
fn a_stall_shows_in_every_request_it_delayed() {
    let target = server(|mut stream| {
        let mut first = true;
        while request(&mut stream) {
            if std::mem::take(&mut first) {
                std::thread::sleep(Duration::from_millis(500));
            }
            stream.write_all(GOOD.as_bytes()).unwrap();
        }
    });
    let report = run(Plan {
        pace: Pace::Rate(100),
        requests: 100,
        connections: 1,
        ..plan(target)
    });
    assert_eq!((report.ok, report.failed()), (100, 0), "{report}");
    // The first half second's requests wait 500, 490, 480 … ms, not one of them alone.
    let high = report.latency.quantile(0.75);
    assert!(high > Duration::from_millis(150), "{report}");
    assert!(high < report.latency.max(), "{report}");
}

#[test]
fn a_rate_is_kept_and_unsent_requests_are_counted() {
    let fine = run(Plan {
        pace: Pace::Rate(1000),
        requests: 1_000_000,
        time: Duration::from_millis(500),
        ..plan(always(GOOD))
    });
    assert_eq!(fine.ok + fine.unsent, 500, "{fine}");
    let slow = server(|mut stream| {
        while request(&mut stream) {
            std::thread::sleep(Duration::from_millis(100));
            stream.write_all(GOOD.as_bytes()).unwrap();
        }
    });
    let behind = run(Plan {
        pace: Pace::Rate(1000),
        requests: 1_000_000,
        time: Duration::from_millis(500),
        connections: 1,
        ..plan(slow)
    });
    assert_eq!(behind.ok + behind.unsent, 500, "{behind}");
    // One connection fits five pauses of 100 ms into the time.
    assert!(behind.ok <= 6, "{behind}");
    assert!(fine.ok > behind.ok, "{fine}");
}

#[test]
fn a_pause_holds_every_request_in_flight() {
    let pause = Some(Duration::from_millis(100));
    let report = run(Plan {
        pause,
        requests: 20,
        ..plan(always(GOOD))
    });
    assert_eq!((report.ok, report.failed()), (20, 0), "{report}");
    assert!(
        report.latency.quantile(0.01) >= Duration::from_millis(100),
        "{report}"
    );
    // The pauses of the connections overlap.
    assert!(
        report.elapsed < report.latency.quantile(0.5) * 20,
        "{report}"
    );
}

#[test]
fn stop_waits_for_requests_in_flight() {
    let load = Load::start(Plan {
        requests: u64::MAX,
        ..plan(always(GOOD))
    })
    .unwrap();
    while load.ok() < 100 {
        std::thread::yield_now();
    }
    load.stop();
    let report = load.finish().unwrap();
    assert!(report.ok >= 100 && report.failed() == 0, "{report}");
}
