//! Bodies and responses around the sizes of the buffers that they pass through, on a connection that
//! is kept.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::{App, Client, GET};

/// The parser's buffers hold 8 KiB, 32 KiB and 128 KiB.
const BUFFERS: [usize; 5] = [8 << 10, 32 << 10, 64 << 10, 128 << 10, 512 << 10];

fn echo(length: usize) -> Vec<u8> {
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; length]].concat()
}

/// Lengths of bodies whose request or response is as large as a buffer, within a few bytes.
fn lengths() -> impl Iterator<Item = usize> {
    let head = echo(10_000).len() - 10_000;
    BUFFERS.into_iter().flat_map(move |buffer| {
        let request = (buffer - head - 2)..=(buffer - head + 2);
        let body = (buffer - 2)..=(buffer + 2);
        // The head of a response has some 220 bytes.
        let response = ((buffer - 260)..=(buffer - 180)).step_by(16);
        request.chain(body).chain(response)
    })
}

/// Asserts that the request after a body of this length is answered.
fn assert_next_is_answered(client: &mut Client, length: usize) {
    let response = client.try_response();
    let status = response.map(|response| response.status);
    assert_eq!(status, Some(200), "{length}");
}

#[test]
fn a_connection_is_kept_after_a_body_of_any_size() {
    let app = App::start(&[("APP_ANSWER_TIMEOUT", "2s"), ("APP_REQUEST_LOG", "off")]);
    for length in lengths() {
        let mut client = app.connect();
        client.send(&echo(length));
        assert_eq!(client.response().body.len(), length);
        client.send(GET);
        assert_next_is_answered(&mut client, length);
    }
}

#[test]
fn a_request_pipelined_behind_a_body_of_any_size_is_answered() {
    let app = App::start(&[("APP_ANSWER_TIMEOUT", "2s"), ("APP_REQUEST_LOG", "off")]);
    for length in lengths() {
        let mut client = app.connect();
        client.send(&[&echo(length), GET].concat());
        assert_eq!(client.response().body.len(), length);
        assert_next_is_answered(&mut client, length);
    }
}

#[test]
fn a_drain_does_not_count_a_large_response_that_was_sent_as_cut() {
    let app = App::start(&[("APP_DRAIN_DELAY", "0s"), ("APP_DRAIN_DEADLINE", "2s")]);
    let mut client = app.connect();
    client.send(&echo(100_000));
    assert_eq!(client.response().body.len(), 100_000);
    app.terminate();
    let (status, log) = app.wait();
    assert_eq!(status.code(), Some(0), "{log:#?}");
}
