//! The state of one connection: all that is recorded of it, its phase, and when that began.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

use super::Phase;
use crate::close_reason::CloseReason;
use crate::edge::coding::CodingSearch;
use crate::edge::framing::{Body, Head};
use crate::edge::proxy::Source;

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The other end of the socket.
    pub(crate) peer: SocketAddr,
    /// Grows with each connection that the worker accepts: connections may have waited equally long by the
    /// coarse clock.
    pub(in crate::edge) number: Cell<u64>,
    /// What a PROXY header from a trusted peer names.
    pub(super) proxied: OnceCell<Source>,
    /// The worker's coarse clock, in milliseconds.
    pub(super) clock: Rc<Cell<u64>>,
    /// The slowest rate that does not count as stalled, in bytes per second and at least one.
    pub(super) min_rate: u64,
    pub(super) phase: Cell<Phase>,
    /// When the phase began. Bytes that arrive or leave move it on, by the time that they take at the
    /// slowest rate.
    pub(super) since: Cell<u64>,
    /// The connection limit is reached: only probes are answered.
    pub(super) probes_only: Cell<bool>,
    /// It is to make room for another, unless a request has arrived.
    pub(super) unwanted: Cell<bool>,
    /// The send buffer is full.
    pub(super) blocked: Cell<bool>,
    /// The watch found it overdue. The stream reads the socket once more before it closes it.
    pub(super) overdue: Cell<bool>,
    /// All that had arrived when it was found overdue has been read.
    pub(super) looked: Cell<bool>,
    pub(super) close_reason: Cell<Option<CloseReason>>,
    pub(super) waker: RefCell<Option<Waker>>,
    /// Bytes of the head that is arriving, or of the last complete one.
    pub(super) received: Cell<usize>,
    /// The transfer codings of that head, where actix-http parses it.
    pub(super) coding: RefCell<CodingSearch>,
    /// Requests are parsed by actix-http: one of them was not plain.
    pub(super) is_parsed: Cell<bool>,
    /// The state of the search for the end of the head, after the bytes so far.
    pub(super) head: Cell<Head>,
    /// The parser has a complete head, and the service does not have the request yet.
    pub(super) head_is_given: Cell<bool>,
    /// Bytes of the body that the parser got, until the response is sent.
    pub(super) body_bytes: Cell<usize>,
    /// Chunks that had begun when the handler last had all of them.
    pub(super) chunks_taken: Cell<usize>,
    /// The most chunks that the parser's queue has held for this body. It keeps the room for them.
    pub(super) most_queued: Cell<usize>,
    /// The socket's buffers were enlarged for a large body, and stay so.
    pub(super) is_bulk: Cell<bool>,
    /// Bytes that the parser's write buffer keeps between requests.
    pub(super) retained: Cell<usize>,
    /// Bytes that are accounted for the connection.
    pub(in crate::edge) held: Cell<usize>,
    /// It waits for memory: the watch wakes it once the memory budget is met.
    pub(in crate::edge) is_postponed: Cell<bool>,
    /// The part of the request's body that has not arrived.
    pub(super) body: Cell<Body>,
    /// Whether the stream holds bytes back.
    pub(super) holds: Cell<bool>,
}

impl Conn {
    pub(crate) fn new(peer: SocketAddr, clock: Rc<Cell<u64>>, min_rate: u32) -> Self {
        let now = clock.get();
        Self {
            peer,
            number: Cell::new(0),
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

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.clock.get());
    }

    /// `count` bytes arrived or left: the time that they take at the slowest rate does not count.
    pub(super) fn progress(&self, count: usize) {
        let earned = (count as u64).saturating_mul(1000) / self.min_rate;
        self.since.set(
            self.since
                .get()
                .saturating_add(earned)
                .min(self.clock.get()),
        );
    }
}
