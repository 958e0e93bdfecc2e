//! The connections of a worker, with what is recorded of all of them together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use slab::Slab;

use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::edge::conn::Conn;
use crate::edge::memory::Budget;
use crate::metrics::counters::Counters;
use crate::settings::Timeouts;

/// A worker's connections.
pub(crate) struct Watch {
    pub(super) connections: RefCell<Slab<Rc<Conn>>>,
    /// Connections that were accepted so far.
    accepted: Cell<u64>,
    pub(super) clock: Rc<Cell<u64>>,
    pub(super) timeouts: Timeouts,
    pub(super) counters: Arc<Counters>,
    pub(super) budget: Arc<Budget>,
    pub(super) lingering: Rc<Cell<usize>>,
    /// The budget was exceeded when this worker last accounted for a connection.
    pub(super) is_over_budget: Cell<bool>,
    /// Connections that wait until the budget is met before they read.
    pub(super) postponed: RefCell<Vec<Rc<Conn>>>,
    /// Whether idle connections are closed at once: the listener is closed.
    pub(super) closing: Cell<bool>,
}

impl Watch {
    pub(crate) fn new(timeouts: Timeouts, counters: Arc<Counters>, budget: Arc<Budget>) -> Self {
        Self {
            connections: RefCell::default(),
            accepted: Cell::new(0),
            clock: Rc::new(Cell::new(0)),
            timeouts,
            counters,
            budget,
            lingering: Rc::default(),
            is_over_budget: Cell::new(false),
            postponed: RefCell::default(),
            closing: Cell::new(false),
        }
    }

    pub(crate) fn clock(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.clock)
    }

    pub(in crate::edge) fn insert(&self, conn: Rc<Conn>) -> usize {
        self.accepted.update(|count| count + 1);
        conn.number.set(self.accepted.get());
        self.account(&conn);
        self.connections.borrow_mut().insert(conn)
    }

    pub(in crate::edge) fn remove(&self, key: usize) {
        let conn = self.connections.borrow_mut().remove(key);
        self.keep(&conn);
        self.release(&conn);
        self.resume();
    }

    pub(super) fn snapshot(&self) -> Vec<Rc<Conn>> {
        self.connections
            .borrow()
            .iter()
            .map(|(_, conn)| Rc::clone(conn))
            .collect()
    }

    /// The stream wrote a response of its own.
    pub(in crate::edge) fn answered_early(
        &self,
        conn: &Conn,
        canned: Canned,
        id: &str,
        bytes: usize,
    ) {
        self.counters.canned(canned);
        tracing::info!(
            target: "app::request",
            request_id = id,
            status = canned.status(),
            bytes,
            peer = %conn.peer.ip(),
            "answered before it was a request"
        );
    }

    /// Closes every connection, and returns how many of them were busy.
    pub(crate) fn cut(&self) -> u64 {
        let connections = self.snapshot();
        let busy = connections.iter().filter(|conn| conn.is_busy()).count();
        for conn in connections {
            conn.close(CloseReason::Cut);
        }
        busy as u64
    }
}
