//! A worker's watch over its connections: keeps a coarse clock, and closes those that stall or hold too much
//! memory.

mod budget;

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::edge::conn::{Conn, Phase};
use crate::edge::memory::Budget;
use crate::metrics::counters::Counters;
use crate::run_time::RunTime;
use crate::settings::Timeouts;

/// The most connections that linger at a time; beyond them a response may be lost to a reset.
pub(crate) const MOST_LINGERING: usize = 256;

/// How long a connection may be silent if it was accepted over the limit or while the listener was being
/// closed, and the shortest idle time after which a connection is closed to make room for another.
const NEWCOMER: Duration = Duration::from_millis(500);

/// Whether a connection may be closed to make room.
fn may_leave(conn: &Conn) -> bool {
    conn.is_idle() && !conn.is_unwanted() && u128::from(conn.waited()) >= NEWCOMER.as_millis()
}

/// A worker's connections.
pub(crate) struct Watch {
    connections: RefCell<Slab<Rc<Conn>>>,
    clock: Rc<Cell<u64>>,
    timeouts: Timeouts,
    counters: Arc<Counters>,
    budget: Arc<Budget>,
    lingering: Rc<Cell<usize>>,
    /// The budget was exceeded when this worker last accounted for a connection.
    is_over_budget: Cell<bool>,
    /// Connections that wait until the budget is met before they read.
    postponed: RefCell<Vec<Rc<Conn>>>,
    /// Whether idle connections are closed at once: the listener is closed.
    closing: Cell<bool>,
}

impl Watch {
    pub(crate) fn new(timeouts: Timeouts, counters: Arc<Counters>, budget: Arc<Budget>) -> Self {
        Self {
            connections: RefCell::default(),
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
        self.account(&conn);
        self.connections.borrow_mut().insert(conn)
    }

    pub(in crate::edge) fn remove(&self, key: usize) {
        let conn = self.connections.borrow_mut().remove(key);
        self.keep(&conn);
        self.release(&conn);
        self.resume();
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

    /// Closes a connection in the background, so that its last response arrives. At the limit it is dropped.
    pub(crate) fn linger(&self, closing: impl Future<Output = ()> + 'static) {
        if self.lingering.get() < MOST_LINGERING {
            let lingering = Rc::clone(&self.lingering);
            lingering.set(lingering.get() + 1);
            tokio::task::spawn_local(async move {
                closing.await;
                lingering.set(lingering.get() - 1);
            });
        }
    }

    /// Connections that linger.
    pub(crate) fn lingering(&self) -> usize {
        self.lingering.get()
    }

    /// Closes idle connections, now and from now on.
    pub(crate) fn close_idle(&self) {
        self.closing.set(true);
        self.sweep();
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

    /// Finds the overdue connections. Each is closed once its task has read all that had arrived.
    pub(crate) fn sweep(&self) {
        let overdue: Vec<_> = {
            let connections = self.connections.borrow();
            for (_, conn) in connections.iter().filter(|(_, conn)| conn.is_parsed()) {
                self.account(conn);
            }
            let oldest = connections.iter().filter(|(_, conn)| may_leave(conn));
            let oldest = oldest.map(|(_, conn)| conn.waited()).max();
            self.counters.oldest_idle.set(oldest.unwrap_or(0));
            connections
                .iter()
                .filter(|(_, conn)| self.overdue(conn).is_some())
                .map(|(_, conn)| Rc::clone(conn))
                .collect()
        };
        for conn in overdue {
            conn.suspect();
        }
    }

    /// Closes the connections that have been idle for longest: a sixteenth of the idle ones, so that in a
    /// flood not every new connection searches all of them. A connection that became idle a moment ago is
    /// kept, because a request may be on its way.
    pub(crate) fn make_room(&self) {
        let connections = self.connections.borrow();
        let mut idle: Vec<_> = connections
            .iter()
            .map(|(_, conn)| conn)
            .filter(|conn| may_leave(conn))
            .collect();
        idle.sort_unstable_by_key(|conn| Reverse(conn.waited()));
        let count = idle.len().div_ceil(16);
        for conn in &idle[..count] {
            conn.evict();
        }
        self.counters.leaving.add(count as u64);
        let oldest = idle.get(count).map_or(0, |conn| conn.waited());
        self.counters.oldest_idle.set(oldest);
    }

    /// Withdraws the request to make room: the connection stays, or is closed already.
    pub(in crate::edge) fn keep(&self, conn: &Conn) {
        if conn.keep() {
            self.counters.leaving.subtract(1);
        }
    }

    /// Closes a connection, and counts why.
    pub(in crate::edge) fn close_overdue(&self, conn: &Conn, reason: CloseReason) {
        if conn.close_reason().is_none() {
            self.counters.ended(reason);
        }
        conn.close(reason);
    }

    /// Why a connection is overdue, if it is.
    pub(in crate::edge) fn overdue(&self, conn: &Conn) -> Option<CloseReason> {
        let (limit, reason) = match conn.phase() {
            _ if conn.is_unwanted() && conn.is_idle() => return Some(CloseReason::Idle),
            _ if conn.is_blocked() => (self.timeouts.answer, CloseReason::Answer),
            // It was accepted, and its request may be on its way.
            Phase::Proxy | Phase::FirstHead if self.closing.get() && !conn.has_received() => {
                (self.timeouts.first_head.min(NEWCOMER), CloseReason::Idle)
            }
            Phase::Idle | Phase::Unread if self.closing.get() => return Some(CloseReason::Idle),
            Phase::Proxy | Phase::FirstHead if conn.is_for_probes_only() => (
                self.timeouts.first_head.min(NEWCOMER),
                CloseReason::FirstHead,
            ),
            Phase::Proxy | Phase::FirstHead => (self.timeouts.first_head, CloseReason::FirstHead),
            Phase::Idle => (self.timeouts.keep_alive, CloseReason::Idle),
            Phase::NextHead => (self.timeouts.next_head, CloseReason::NextHead),
            Phase::Service => return None,
            Phase::Body => (self.timeouts.body, CloseReason::Body),
            Phase::Unread => (self.timeouts.body, CloseReason::Idle),
            Phase::Answer => (self.timeouts.answer, CloseReason::Answer),
        };
        (u128::from(conn.waited()) >= limit.as_millis()).then_some(reason)
    }

    fn snapshot(&self) -> Vec<Rc<Conn>> {
        self.connections
            .borrow()
            .iter()
            .map(|(_, conn)| Rc::clone(conn))
            .collect()
    }

    /// How often the clock advances: often enough for the shortest deadline, rarely enough to cost nothing.
    fn interval(&self) -> Duration {
        let Timeouts {
            first_head,
            next_head,
            body,
            answer,
            keep_alive,
            min_rate: _,
        } = self.timeouts;
        let shortest = first_head
            .min(next_head)
            .min(body)
            .min(answer)
            .min(keep_alive);
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }

    /// Advances the clock and sweeps for as long as it is polled, and calls `each_turn` each time.
    pub(crate) async fn run(&self, each_turn: impl Fn(Duration)) {
        let interval = self.interval();
        let mut time = RunTime::new(Instant::now(), interval * 2);
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.counters.shed.notified() => {
                    self.shed();
                    continue;
                }
            }
            // 584 million years fit.
            let elapsed = time.advance(Instant::now());
            self.clock
                .set(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
            self.sweep();
            // Another worker may have met the budget.
            self.resume();
            each_turn(interval);
        }
    }
}
