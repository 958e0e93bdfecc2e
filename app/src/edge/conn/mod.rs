//! What one connection waits for, and since when.
//!
//! The stream and the service report to it, and the worker's [`watch`](super::watch) reads it. All
//! three live on one thread, so a report is a store and costs the hot path next to nothing: no
//! timer is armed and no clock is read for a request.

mod closing;
mod exchange;
mod footprint;
mod input;
#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

use super::coding::CodingSearch;
use super::framing::{Body, Head};
use super::proxy::Source;
use crate::close_reason::CloseReason;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The PROXY header, since the connection was accepted.
    Proxy,
    /// The head of the first request, since the connection was accepted or its PROXY header was read.
    FirstHead,
    /// The next request, of which no byte has arrived.
    Idle,
    /// The rest of a later request's head.
    NextHead,
    /// The service: a request is being answered.
    Service,
    /// The rest of a body that a handler reads.
    Body,
    /// The rest of a body that no handler reads; the response is complete.
    Unread,
    /// The client, to read its response.
    Answer,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The other end of the socket.
    pub(crate) peer: SocketAddr,
    /// What a PROXY header from a trusted peer names.
    proxied: OnceCell<Source>,
    /// The worker's coarse clock, in milliseconds.
    clock: Rc<Cell<u64>>,
    /// The slowest rate that does not count as stalled, in bytes per second and at least one.
    min_rate: u64,
    phase: Cell<Phase>,
    /// When the phase began. Bytes that arrive or leave move it on, by the time that they take at the
    /// slowest rate.
    since: Cell<u64>,
    /// The connection limit is reached: only probes are answered.
    probes_only: Cell<bool>,
    /// It is to make room for another, unless a request has arrived.
    unwanted: Cell<bool>,
    /// The send buffer is full.
    blocked: Cell<bool>,
    /// The watch found it overdue. The stream reads the socket once more before it closes it.
    overdue: Cell<bool>,
    /// All that had arrived when it was found overdue has been read.
    looked: Cell<bool>,
    close_reason: Cell<Option<CloseReason>>,
    waker: RefCell<Option<Waker>>,
    /// Bytes of the head that is arriving, or of the last complete one.
    received: Cell<usize>,
    /// The transfer codings of that head, where actix-http parses it.
    coding: RefCell<CodingSearch>,
    /// Requests are parsed by actix-http: one of them was not plain.
    is_parsed: Cell<bool>,
    /// The state of the search for the end of the head, after the bytes so far.
    head: Cell<Head>,
    /// The parser has a complete head, and the service does not have the request yet.
    head_is_given: Cell<bool>,
    /// Bytes of the body that the parser got, until the response is sent.
    body_bytes: Cell<usize>,
    /// Chunks that had begun when the handler last had all of them.
    chunks_taken: Cell<usize>,
    /// The most chunks that the parser's queue has held for this body. It keeps the room for them.
    most_queued: Cell<usize>,
    /// The socket's buffers were enlarged for a large body, and stay so.
    is_bulk: Cell<bool>,
    /// Bytes that the parser's write buffer keeps between requests.
    retained: Cell<usize>,
    /// Bytes that are accounted for the connection.
    pub(super) held: Cell<usize>,
    /// It waits for memory: the watch wakes it once the memory budget is met.
    pub(super) is_postponed: Cell<bool>,
    /// The part of the request's body that has not arrived.
    body: Cell<Body>,
    /// Whether the stream holds bytes back.
    holds: Cell<bool>,
}

impl Conn {
    pub(crate) fn new(peer: SocketAddr, clock: Rc<Cell<u64>>, min_rate: u32) -> Self {
        let now = clock.get();
        Self {
            peer,
            proxied: OnceCell::new(),
            clock,
            min_rate: u64::from(min_rate),
            phase: Cell::new(Phase::FirstHead),
            since: Cell::new(now),
            probes_only: Cell::new(false),
            unwanted: Cell::new(false),
            blocked: Cell::new(false),
            overdue: Cell::new(false),
            looked: Cell::new(false),
            close_reason: Cell::new(None),
            waker: RefCell::default(),
            received: Cell::new(0),
            coding: RefCell::default(),
            is_parsed: Cell::new(false),
            head: Cell::default(),
            head_is_given: Cell::new(false),
            body_bytes: Cell::new(0),
            chunks_taken: Cell::new(0),
            most_queued: Cell::new(0),
            is_bulk: Cell::new(false),
            retained: Cell::new(0),
            held: Cell::new(0),
            is_postponed: Cell::new(false),
            body: Cell::new(Body::NONE),
            holds: Cell::new(false),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Milliseconds since the phase began.
    pub(crate) fn waited(&self) -> u64 {
        self.clock.get().saturating_sub(self.since.get())
    }

    /// Whether closing it now would lose a request: one is being answered, or part of a head has arrived.
    pub(crate) fn is_busy(&self) -> bool {
        match self.phase.get() {
            Phase::Proxy | Phase::Idle | Phase::Unread => false,
            Phase::FirstHead => self.received.get() > 0,
            Phase::NextHead | Phase::Service | Phase::Body | Phase::Answer => true,
        }
    }

    /// Whether closing it now loses nothing, as far as is known: no byte of a request has arrived.
    pub(crate) fn is_idle(&self) -> bool {
        match self.phase.get() {
            Phase::Proxy | Phase::Idle => true,
            Phase::FirstHead => self.received.get() == 0,
            _ => false,
        }
    }

    /// Restricts the connection to probes.
    pub(crate) fn restrict_to_probes(&self) {
        self.probes_only.set(true);
    }

    /// Whether only probes are answered.
    pub(crate) fn is_for_probes_only(&self) -> bool {
        self.probes_only.get()
    }

    /// Expects a PROXY header before the first request.
    pub(crate) fn expect_proxy_header(&self) {
        self.phase.set(Phase::Proxy);
    }

    /// The PROXY header was read, or there is none.
    pub(crate) fn on_proxy_header(&self, source: Option<Source>) {
        if let Some(source) = source {
            let is_first = self.proxied.set(source);
            debug_assert!(is_first.is_ok(), "a connection has one PROXY header");
        }
        self.received.set(0);
        self.enter(Phase::FirstHead);
    }

    /// What a PROXY header from a trusted peer names.
    pub(crate) fn proxied(&self) -> Option<&Source> {
        self.proxied.get()
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.clock.get());
    }

    /// `count` bytes arrived or left: the time that they take at the slowest rate does not count.
    fn progress(&self, count: usize) {
        let earned = (count as u64).saturating_mul(1000) / self.min_rate;
        self.since.set(
            self.since
                .get()
                .saturating_add(earned)
                .min(self.clock.get()),
        );
    }
}
