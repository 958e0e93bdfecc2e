//! What one connection waits for, and since when.
//!
//! The stream and the service report to it, and the worker's [`watch`](super::watch) reads it. All
//! three live on one thread, so a report is a store and costs the hot path next to nothing: no
//! timer is armed and no clock is read for a request.

mod footprint;
#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::coding::CodingSearch;
use super::framing::{Body, Head};
use super::memory::MOST_RETAINED;
use super::proxy::Source;
use crate::close_reason::CloseReason;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The PROXY header, since the connection came.
    Proxy,
    /// The first request's head, since the connection or its PROXY header came.
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

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The other end of the socket.
    pub(crate) peer: SocketAddr,
    /// Whom a believed PROXY header names.
    proxied: OnceCell<Source>,
    /// The worker's coarse clock, in milliseconds.
    clock: Rc<Cell<u64>>,
    /// The slowest rate that is no stall, in bytes per millisecond and at least one.
    min_rate: u64,
    phase: Cell<Phase>,
    /// When the phase began, moved on by every byte that is as fast as the slowest rate.
    since: Cell<u64>,
    /// It is one too many: nothing but probes is answered on it.
    probes_only: Cell<bool>,
    /// It is to make room for another, unless a request has arrived.
    unwanted: Cell<bool>,
    /// The kernel takes no more of what is written.
    blocked: Cell<bool>,
    /// The watch found it overdue; whether it is closed, the next look at its socket decides.
    overdue: Cell<bool>,
    /// All that had arrived when it was found overdue has been read.
    looked: Cell<bool>,
    close_reason: Cell<Option<CloseReason>>,
    waker: RefCell<Option<Waker>>,
    /// Bytes of the head, or of the last one that was complete.
    received: Cell<usize>,
    /// The transfer codings of that head, where the parser gets it.
    coding: RefCell<CodingSearch>,
    /// The parser gets what comes: it was not plain.
    is_parsed: Cell<bool>,
    /// How far the head is that comes.
    head: Cell<Head>,
    /// A whole head was given to the parser, and the service has yet to get it.
    head_is_given: Cell<bool>,
    /// Bytes of the body that were given, until the answer is sent.
    body_bytes: Cell<usize>,
    /// Chunks that had begun when the handler last had all of them.
    chunks_taken: Cell<usize>,
    /// The most chunks that the parser's queue has had for this body. It keeps the room for them.
    most_queued: Cell<usize>,
    /// The socket's buffers were enlarged for a large body, and stay so.
    is_bulk: Cell<bool>,
    /// Bytes that the parser's write buffer keeps.
    retained: Cell<usize>,
    /// Bytes that are accounted for the connection.
    pub(super) held: Cell<usize>,
    /// What is yet to come of the request's body.
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
            body: Cell::new(Body::NONE),
            holds: Cell::new(false),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether closing it now would lose a request: one is being answered, or half a head is here.
    pub(crate) fn is_busy(&self) -> bool {
        match self.phase.get() {
            Phase::Proxy | Phase::Idle | Phase::Unread => false,
            Phase::FirstHead => self.received.get() > 0,
            Phase::NextHead | Phase::Service | Phase::Body | Phase::Answer => true,
        }
    }

    /// From now on nothing but probes is answered.
    pub(crate) fn restrict_to_probes(&self) {
        self.probes_only.set(true);
    }

    /// Whether nothing but probes is answered.
    pub(crate) fn is_for_probes_only(&self) -> bool {
        self.probes_only.get()
    }

    /// Whether closing it loses nothing, as far as is known: no byte of a request is here.
    pub(crate) fn is_idle(&self) -> bool {
        match self.phase.get() {
            Phase::Proxy | Phase::Idle => true,
            Phase::FirstHead => self.received.get() == 0,
            _ => false,
        }
    }

    /// Asks it to make room, unless a request has arrived.
    pub(crate) fn evict(&self) {
        self.unwanted.set(true);
        self.suspect();
    }

    /// Whether it is to make room.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.unwanted.get()
    }

    /// It need not make room any more. Returns whether it had to.
    pub(crate) fn keep(&self) -> bool {
        self.unwanted.replace(false)
    }

    /// Whether the rest of a request is waited for, so that an answer can still be given to it.
    pub(crate) fn waits_for_request(&self) -> bool {
        let waits = matches!(
            self.phase.get(),
            Phase::FirstHead | Phase::NextHead | Phase::Body
        );
        waits && !self.blocked.get()
    }

    /// Whether its memory changes from one request to the next.
    pub(super) fn is_parsed(&self) -> bool {
        self.is_parsed.get()
    }

    /// Whether any byte of a request has come.
    pub(crate) fn has_received(&self) -> bool {
        self.received.get() > 0
    }

    /// Bytes of the head, or of the last one that was complete.
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

    /// How many of `bytes` the parser may have now; the stream then gives it just these. It is none
    /// of the next request while one is being answered.
    pub(crate) fn give(&self, bytes: &[u8]) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        match self.phase.get() {
            Phase::Service | Phase::Answer => 0,
            Phase::Proxy => {
                self.received.set(self.received.get() + bytes.len());
                bytes.len()
            }
            Phase::FirstHead | Phase::Idle | Phase::NextHead => self.give_head(bytes),
            // Behind a body that nobody looks at there is nothing: the connection ends.
            Phase::Body | Phase::Unread => {
                let mut body = self.body.get();
                let count = body.take(bytes);
                self.body.set(body);
                if body.is_excessive() {
                    self.close(CloseReason::Framing);
                    return 0;
                }
                self.progress(count);
                if self.phase.get() == Phase::Body {
                    self.body_bytes.set(self.body_bytes.get() + count);
                    let queued = body.chunks().saturating_sub(self.chunks_taken.get());
                    self.most_queued.set(self.most_queued.get().max(queued));
                }
                count
            }
        }
    }

    fn give_head(&self, bytes: &[u8]) -> usize {
        if self.head_is_given.get() {
            return 0;
        }
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::NextHead);
            self.received.set(0);
            self.coding.take();
        }
        let mut head = self.head.get();
        let end = head.end(bytes);
        self.head.set(head);
        self.head_is_given.set(end.is_some());
        let count = end.unwrap_or(bytes.len());
        if self.is_parsed.get() {
            self.coding.borrow_mut().feed(&bytes[..count]);
        }
        self.received.set(self.received.get() + count);
        count
    }

    /// A PROXY header comes before the first request.
    pub(crate) fn expect_proxy_header(&self) {
        self.phase.set(Phase::Proxy);
    }

    /// The PROXY header is read, or there is none.
    pub(crate) fn on_proxy_header(&self, source: Option<Source>) {
        if let Some(source) = source {
            let is_first = self.proxied.set(source);
            debug_assert!(is_first.is_ok(), "a connection has one PROXY header");
        }
        self.received.set(0);
        self.enter(Phase::FirstHead);
    }

    /// Whom a believed PROXY header names.
    pub(crate) fn proxied(&self) -> Option<&Source> {
        self.proxied.get()
    }

    /// The stream took back what it gave last, to give it once more.
    pub(crate) fn on_put_back(&self) {
        if self.phase.get() == Phase::NextHead {
            self.phase.set(Phase::Idle);
        }
        self.is_parsed.set(true);
        self.received.set(0);
        self.head.set(Head::default());
        self.head_is_given.set(false);
    }

    /// Whether the head names a transfer coding that is not known.
    pub(crate) fn has_unknown_coding(&self) -> bool {
        self.coding.borrow().is_unknown()
    }

    /// The stream holds bytes back, or none.
    pub(crate) fn hold(&self, holds: bool) {
        self.holds.set(holds);
    }

    /// What is held back may be wanted now.
    fn offer(&self) {
        if self.holds.get() {
            self.wake();
        }
    }

    /// The service got a request.
    pub(crate) fn on_request(&self, body: Body) {
        self.phase.set(Phase::Service);
        self.head_is_given.set(false);
        self.body.set(body);
        self.chunks_taken.set(0);
        self.most_queued.set(0);
    }

    /// A handler waits for more of the body.
    pub(crate) fn on_body_wait(&self) {
        self.chunks_taken.set(self.body.get().chunks());
        if self.phase.get() != Phase::Body {
            self.enter(Phase::Body);
            self.offer();
        }
    }

    /// A handler has what it wanted of the body.
    pub(crate) fn on_body_end(&self) {
        self.phase.set(Phase::Service);
    }

    /// The answer is complete, as far as we are concerned; it has yet to be written.
    pub(crate) fn on_answer(&self, body_is_unread: bool) {
        self.phase.set(if body_is_unread {
            Phase::Unread
        } else {
            Phase::Answer
        });
        // A client that has stopped reading gains no time by it.
        if !self.blocked.get() {
            self.since.set(self.clock.get());
        }
        if body_is_unread {
            self.offer();
        }
    }

    /// The kernel took `written` of `offered` bytes.
    pub(crate) fn on_write(&self, written: usize, offered: usize) {
        if !self.blocked.get() {
            return;
        }
        if written < offered {
            self.progress(written);
        } else {
            self.blocked.set(false);
            self.since.set(self.clock.get());
        }
    }

    /// The kernel takes no more bytes.
    pub(crate) fn on_blocked(&self) {
        if !self.blocked.replace(true) {
            self.since.set(self.clock.get());
        }
    }

    /// Whether the client is waited for, to read.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Whoever writes has written all it has, but for what the kernel does not take. An answer that
    /// is complete is then sent.
    pub(crate) fn on_flush(&self) {
        if self.phase.get() == Phase::Answer && !self.blocked.get() {
            let buffer = self.body_bytes.take().next_power_of_two();
            if buffer <= MOST_RETAINED {
                self.retained.set(self.retained.get().max(buffer));
            } else {
                self.retained.set(0);
            }
            self.enter(Phase::Idle);
            self.offer();
        }
    }

    /// The connection has waited for too long: its task looks at the socket once more before it is
    /// closed for that.
    pub(crate) fn suspect(&self) {
        if !self.overdue.replace(true) {
            self.looked.set(false);
            self.wake();
        }
    }

    /// Whether the connection was found overdue.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.get()
    }

    /// Whether all that had arrived when it was found overdue has been read.
    pub(crate) fn has_looked(&self) -> bool {
        self.looked.get()
    }

    /// Nothing more has arrived: at its next turn the connection is judged by what was read.
    pub(crate) fn on_look(&self, context: &Context<'_>) {
        self.looked.set(true);
        context.waker().wake_by_ref();
    }

    /// The connection is not overdue any more.
    pub(crate) fn clear_overdue(&self) {
        self.overdue.set(false);
    }

    /// Closes the connection: its task wakes up and finds the reason. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason) {
        if self.close_reason.get().is_none() {
            self.close_reason.set(Some(reason));
        }
        self.wake();
    }

    fn wake(&self) {
        // Cloned, so that no borrow is held while the runtime runs.
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get()
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
