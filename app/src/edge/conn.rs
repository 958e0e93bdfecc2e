//! What one connection waits for, and since when.
//!
//! The stream and the service report to it, and the worker's [`watch`](super::watch) reads it. All
//! three live on one thread, so a report is a store and costs the hot path next to nothing: no
//! timer is armed and no clock is read for a request.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::canned::Canned;
use super::proxy::Source;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first request's head, since the connection came.
    FirstHead,
    /// The next request; not a byte of it is here.
    Idle,
    /// The rest of a later request's head.
    NextHead,
    /// Us: a request is being answered.
    Service,
    /// The rest of a body that a handler reads.
    Body,
    /// The rest of a body that no handler wants; the answer is sent.
    Unread,
    /// The client, to read its answer.
    Answer,
}

/// Why a connection is ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first head stalled.
    FirstHead,
    /// A later head stalled.
    NextHead,
    /// A body stalled.
    Body,
    /// The client stopped reading.
    Answer,
    /// The head is larger than the limit.
    HeadTooLarge,
    /// It was idle for too long, or is idle while the listener is closed.
    Idle,
    /// The drain's deadline has passed.
    Cut,
    /// A fault was asked for.
    Abort,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The other end of the socket.
    pub(crate) peer: SocketAddr,
    /// Whom a believed PROXY header names.
    pub(crate) proxied: Option<Source>,
    /// The worker's coarse clock, in milliseconds.
    clock: Rc<Cell<u64>>,
    /// The slowest rate that is no stall, in bytes per millisecond and at least one.
    min_rate: u64,
    phase: Cell<Phase>,
    /// When the phase began, moved on by every byte that is as fast as the slowest rate.
    since: Cell<u64>,
    verdict: Cell<Option<Verdict>>,
    waker: RefCell<Option<Waker>>,
    /// Requests that were begun and not yet answered; more than one with pipelining.
    active: Cell<u32>,
    /// Bytes that came since the connection was last idle.
    received: Cell<usize>,
    /// The last four bytes that came: a head that is complete ends with two line ends.
    tail: Cell<u32>,
    /// Whether the last request had a body, whose end the tail does not tell.
    had_body: Cell<bool>,
    /// Whether our last answer ends as the parser's own do, so that the two cannot be told apart.
    mimics: Cell<bool>,
}

impl Conn {
    pub(crate) fn new(
        peer: SocketAddr,
        proxied: Option<Source>,
        clock: Rc<Cell<u64>>,
        min_rate: u32,
    ) -> Self {
        let now = clock.get();
        Self {
            peer,
            proxied,
            clock,
            min_rate: u64::from(min_rate),
            phase: Cell::new(Phase::FirstHead),
            since: Cell::new(now),
            verdict: Cell::new(None),
            waker: RefCell::default(),
            active: Cell::new(0),
            received: Cell::new(0),
            tail: Cell::new(0),
            had_body: Cell::new(false),
            mimics: Cell::new(false),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether closing it now would lose a request: one is being answered, or half a head is here.
    pub(crate) fn is_busy(&self) -> bool {
        match self.phase.get() {
            Phase::Idle | Phase::Unread => false,
            Phase::FirstHead => self.received.get() > 0,
            Phase::NextHead | Phase::Service | Phase::Body | Phase::Answer => true,
        }
    }

    /// Whether any byte of a request has come.
    pub(crate) fn has_received(&self) -> bool {
        self.received.get() > 0
    }

    /// Bytes that came since the connection was last idle.
    pub(crate) fn received(&self) -> usize {
        self.received.get()
    }

    /// Milliseconds that the phase has lasted.
    pub(crate) fn waited(&self) -> u64 {
        self.clock.get().saturating_sub(self.since.get())
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.clock.get());
    }

    /// `count` bytes moved: that much time is not held against the client.
    fn progress(&self, count: usize) {
        let earned = (count as u64).saturating_mul(1000) / self.min_rate;
        self.since.set(
            self.since
                .get()
                .saturating_add(earned)
                .min(self.clock.get()),
        );
    }

    /// The stream gave `bytes` to the parser.
    pub(crate) fn on_read(&self, bytes: &[u8]) {
        match self.phase.get() {
            Phase::Idle => {
                self.enter(Phase::NextHead);
                self.received.set(0);
            }
            Phase::Body | Phase::Unread => self.progress(bytes.len()),
            Phase::FirstHead | Phase::NextHead | Phase::Service | Phase::Answer => {}
        }
        self.received.set(self.received.get() + bytes.len());
        let mut tail = self.tail.get();
        for byte in &bytes[bytes.len().saturating_sub(4)..] {
            tail = tail << 8 | u32::from(*byte);
        }
        self.tail.set(tail);
    }

    /// The stream took back what it gave last, to give it once more.
    pub(crate) fn on_put_back(&self) {
        if self.phase.get() == Phase::NextHead {
            self.phase.set(Phase::Idle);
        }
        self.received.set(0);
    }

    /// The service got a request.
    pub(crate) fn on_request(&self, has_body: bool) {
        self.phase.set(Phase::Service);
        self.active.set(self.active.get() + 1);
        self.had_body.set(has_body);
    }

    /// The service answers with this body.
    pub(crate) fn on_answer_body(&self, body: &[u8]) {
        self.mimics.set(Canned::at_end_of(body).is_some());
    }

    /// What the parser says without the service at the end of `answers`, and where that begins.
    pub(crate) fn refusal(&self, answers: &[u8]) -> Option<(usize, Canned)> {
        Canned::at_end_of(answers).filter(|_| !self.mimics.get())
    }

    /// A handler waits for more of the body.
    pub(crate) fn on_body_wait(&self) {
        if self.phase.get() != Phase::Body {
            self.enter(Phase::Body);
        }
    }

    /// A handler has what it wanted of the body.
    pub(crate) fn on_body_end(&self) {
        self.phase.set(Phase::Service);
    }

    /// The answer is complete, as far as we are concerned; it has yet to be written.
    pub(crate) fn on_answer(&self, body_is_unread: bool) {
        self.active.set(self.active.get().saturating_sub(1));
        self.enter(if body_is_unread {
            Phase::Unread
        } else {
            Phase::Answer
        });
    }

    /// The kernel took `written` of `offered` bytes.
    pub(crate) fn on_write(&self, written: usize, offered: usize) {
        if self.phase.get() != Phase::Answer {
            return;
        }
        if written < offered {
            self.progress(written);
        } else if self.active.get() > 0 {
            self.phase.set(Phase::Service);
        } else if self.had_body.get() || self.tail_ends_a_head() {
            self.enter(Phase::Idle);
        } else {
            self.enter(Phase::NextHead);
        }
    }

    /// The kernel takes no more bytes.
    pub(crate) fn on_blocked(&self) {
        if matches!(
            self.phase.get(),
            Phase::Service | Phase::Idle | Phase::NextHead
        ) {
            self.enter(Phase::Answer);
        }
    }

    /// Whether the last bytes that came can be a head's end, so that no part of a next one waits in
    /// the parser.
    fn tail_ends_a_head(&self) -> bool {
        let tail = self.tail.get();
        tail == u32::from_be_bytes(*b"\r\n\r\n")
            || tail & 0xffff == u32::from_be_bytes(*b"\0\0\n\n")
    }

    /// Ends the connection: its task wakes up and finds why.
    pub(crate) fn end(&self, verdict: Verdict) {
        if self.verdict.get().is_none() {
            self.verdict.set(Some(verdict));
        }
        // Cloned, so that no borrow is held while the runtime runs.
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict.get()
    }

    /// Takes an idle connection's sentence back: a request came at the last moment.
    pub(crate) fn acquit(&self) {
        self.verdict.set(None);
    }

    /// Remembers whom to wake.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) if known.will_wake(context.waker()) => {}
            Some(known) => known.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn() -> (Conn, Rc<Cell<u64>>) {
        let clock = Rc::new(Cell::new(1000));
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        (Conn::new(peer, None, Rc::clone(&clock), 1000), clock)
    }

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    fn serve(conn: &Conn, received: &[u8]) {
        conn.on_read(received);
        conn.on_request(false);
        conn.on_answer(false);
        conn.on_write(100, 100);
    }

    #[test]
    fn a_request_leaves_the_connection_idle() {
        let (conn, clock) = conn();
        assert!(!conn.is_busy(), "nothing has come");
        serve(&conn, HEAD);
        assert_eq!(conn.phase(), Phase::Idle);
        assert!(!conn.is_busy());
        clock.set(1500);
        assert_eq!(conn.waited(), 500);
    }

    #[test]
    fn part_of_a_next_head_is_a_head_and_not_idleness() {
        let (conn, _) = conn();
        serve(&conn, b"GET / HTTP/1.1\r\nhost: x\r\n\r\nG");
        assert_eq!(conn.phase(), Phase::NextHead);
        let (conn, _) = self::conn();
        serve(&conn, HEAD);
        conn.on_read(b"G");
        assert_eq!(conn.phase(), Phase::NextHead);
        assert!(conn.is_busy());
    }

    #[test]
    fn bytes_that_are_read_twice_count_once() {
        let (conn, _) = conn();
        conn.on_read(HEAD);
        conn.on_put_back();
        assert_eq!((conn.phase(), conn.received()), (Phase::FirstHead, 0));
        serve(&conn, HEAD);
        conn.on_read(b"G");
        conn.on_put_back();
        assert_eq!((conn.phase(), conn.received()), (Phase::Idle, 0));
        conn.on_read(b"G");
        assert_eq!((conn.phase(), conn.received()), (Phase::NextHead, 1));
    }

    #[test]
    fn bytes_do_not_prolong_a_head() {
        let (conn, clock) = conn();
        conn.on_read(b"G");
        clock.set(3000);
        conn.on_read(b"E");
        assert_eq!(conn.waited(), 2000);
    }

    #[test]
    fn a_body_earns_time_by_its_rate_and_no_more() {
        let (conn, clock) = conn();
        conn.on_read(HEAD);
        conn.on_request(true);
        conn.on_body_wait();
        clock.set(6000);
        conn.on_read(&[0; 2000]);
        assert_eq!(
            conn.waited(),
            3000,
            "2000 bytes at 1000 a second are two seconds"
        );
        conn.on_read(&vec![0; 100_000]);
        assert_eq!(conn.waited(), 0, "speed is not saved up");
    }

    #[test]
    fn a_client_that_does_not_read_is_waited_for() {
        let (conn, clock) = conn();
        conn.on_read(HEAD);
        conn.on_request(false);
        conn.on_answer(false);
        conn.on_write(10, 100);
        conn.on_blocked();
        clock.set(4000);
        assert_eq!((conn.phase(), conn.waited()), (Phase::Answer, 3000));
        conn.on_write(90, 90);
        assert_eq!(conn.phase(), Phase::Idle);
    }
}
