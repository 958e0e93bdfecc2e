//! `rust-k8s-app probe` against peers that answer, stall, trickle or fail.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

use common::{App, command, wait};

/// Probes a peer that handles its connection with this function.
fn probe(peer: impl FnOnce(TcpStream) + Send + 'static) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let count = stream.read(&mut request).unwrap();
        assert!(request[..count].starts_with(b"GET /healthz HTTP/1.1\r\n"));
        peer(stream);
    });
    let mut child = command(&[])
        .args(["probe", &url])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait("the probe to exit", || child.try_wait().unwrap());
    peer.join().unwrap();
    child.wait_with_output().unwrap()
}

/// Holds the connection open until the other side closes it.
fn hold(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 1]);
}

#[test]
fn the_service_passes_its_own_probe() {
    let app = App::start(&[]);
    let url = format!("http://{}/readyz", app.public);
    let output = command(&[]).args(["probe", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"ready\n");
}

#[test]
fn a_peer_that_keeps_the_connection_open_has_answered() {
    let output = probe(|mut stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n")
            .unwrap();
        hold(stream);
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"ok\n");
}

#[test]
fn a_peer_that_trickles_exceeds_the_deadline() {
    let output = probe(|mut stream| {
        // A byte each 300 ms, for twice the hang limit.
        for _ in 0..140 {
            if stream.write_all(b"H").is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_silent_peer_exceeds_the_deadline() {
    let output = probe(hold);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("did not respond within 1s"), "{stderr}");
}

#[test]
fn a_failure_shows_the_peers_response() {
    let output = probe(|mut stream| {
        stream
            .write_all(b"HTTP/1.1 503 No\r\ncontent-length: 8\r\n\r\ndraining")
            .unwrap();
        hold(stream);
    });
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("responded 503: draining"), "{stderr}");
}
