//! Tests of the phases of a connection.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use super::{Conn, Phase};
use crate::edge::framing::Body;

fn conn() -> (Conn, Rc<Cell<u64>>) {
    let clock = Rc::new(Cell::new(1000));
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    (Conn::new(peer, Rc::clone(&clock), 1000), clock)
}

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn serve(conn: &Conn, received: &[u8]) {
    assert_eq!(conn.give(received), HEAD.len());
    conn.on_request(Body::NONE);
    conn.on_answer(false);
    conn.on_write(100, 100);
    conn.on_flush();
}

#[test]
fn a_request_leaves_the_connection_idle() {
    let (conn, clock) = conn();
    assert!(!conn.is_busy(), "nothing has arrived");
    serve(&conn, HEAD);
    assert_eq!(conn.phase(), Phase::Idle);
    assert!(!conn.is_busy());
    clock.set(1500);
    assert_eq!(conn.waited(), 500);
}

#[test]
fn a_partial_next_head_does_not_count_as_idle() {
    let (conn, _) = conn();
    serve(&conn, HEAD);
    assert_eq!(conn.give(b"G"), 1);
    assert_eq!(conn.phase(), Phase::NextHead);
    assert!(conn.is_busy());
}

#[test]
fn the_next_request_is_held_back_until_the_response_is_written() {
    let (conn, _) = conn();
    assert_eq!(conn.give(&HEAD.repeat(2)), HEAD.len());
    assert_eq!(
        conn.give(HEAD),
        0,
        "the service does not have the first yet"
    );
    conn.on_request(Body::NONE);
    assert_eq!(conn.give(HEAD), 0, "it is being answered");
    conn.on_answer(false);
    conn.on_write(10, 100);
    conn.on_blocked();
    conn.on_flush();
    assert_eq!(conn.give(HEAD), 0, "it is being written");
    conn.on_write(90, 90);
    conn.on_flush();
    assert_eq!(conn.give(HEAD), HEAD.len());
    assert_eq!(conn.received(), HEAD.len());
}

#[test]
fn a_body_is_given_to_the_parser_up_to_its_end() {
    let (conn, _) = conn();
    conn.give(HEAD);
    conn.on_request(Body::Length(5));
    assert_eq!(conn.give(b"abc"), 0, "no handler reads it yet");
    conn.on_body_wait();
    assert_eq!((conn.give(b"abc"), conn.give(b"deGET /")), (3, 2));
    assert_eq!(conn.give(b"GET /"), 0);
}

#[test]
fn bytes_behind_a_body_that_no_handler_reads_are_not_a_request() {
    let (conn, _) = conn();
    conn.give(HEAD);
    conn.on_request(Body::Length(5));
    conn.on_answer(true);
    assert_eq!(conn.give(b"abcdeGET /"), 5);
    conn.on_write(100, 100);
    conn.on_flush();
    assert_eq!(conn.give(HEAD), 0);
}

#[test]
fn bytes_that_are_read_twice_count_once() {
    let (conn, _) = conn();
    conn.give(HEAD);
    conn.on_put_back();
    assert_eq!((conn.phase(), conn.received()), (Phase::FirstHead, 0));
    serve(&conn, HEAD);
    conn.give(b"G");
    conn.on_put_back();
    assert_eq!((conn.phase(), conn.received()), (Phase::Idle, 0));
    conn.give(b"G");
    assert_eq!((conn.phase(), conn.received()), (Phase::NextHead, 1));
}

#[test]
fn bytes_do_not_prolong_a_head() {
    let (conn, clock) = conn();
    conn.give(b"G");
    clock.set(3000);
    conn.give(b"E");
    assert_eq!(conn.waited(), 2000);
}

#[test]
fn a_body_earns_time_by_its_rate_and_no_more() {
    let (conn, clock) = conn();
    conn.give(HEAD);
    conn.on_request(Body::ENDLESS);
    conn.on_body_wait();
    clock.set(6000);
    conn.give(&[0; 2000]);
    assert_eq!(
        conn.waited(),
        3000,
        "2000 bytes at 1000 a second are two seconds"
    );
    conn.give(&vec![0; 100_000]);
    assert_eq!(conn.waited(), 0, "a high rate earns no credit");
}

#[test]
fn a_client_that_does_not_read_is_waited_for() {
    let (conn, clock) = conn();
    conn.give(HEAD);
    conn.on_request(Body::NONE);
    conn.on_answer(false);
    conn.on_write(10, 100);
    conn.on_blocked();
    conn.on_flush();
    clock.set(4000);
    assert!(conn.is_blocked());
    assert_eq!((conn.phase(), conn.waited()), (Phase::Answer, 3000));
    conn.on_write(90, 90);
    conn.on_flush();
    assert_eq!((conn.phase(), conn.waited()), (Phase::Idle, 0));
}

#[test]
fn a_partly_written_response_is_not_complete() {
    let (conn, clock) = conn();
    conn.give(HEAD);
    conn.on_request(Body::NONE);
    conn.on_blocked();
    clock.set(2000);
    conn.on_write(100, 100);
    conn.on_flush();
    assert_eq!((conn.phase(), conn.is_blocked()), (Phase::Service, false));
    assert_eq!(conn.give(HEAD), 0, "it is being answered");
    conn.on_answer(false);
    conn.on_flush();
    assert_eq!(conn.phase(), Phase::Idle, "nothing is left to be written");
}
