//! A worker's watch over its connections: a coarse clock, and the end of those that stall.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::conn::{Conn, Phase};
use super::memory::{Budget, LITTLE_BYTES};
use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::metrics::counters::Counters;
use crate::run_time::RunTime;
use crate::settings::Timeouts;

/// Connections that may linger at the same time; beyond them an answer may be lost to a reset.
pub(crate) const MOST_LINGERING: usize = 256;

/// How long a connection that came with the last ones, or as one too many, has to send something; and
/// how long one was idle at least that makes room for another.
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
    /// More was held for clients than may be when this worker last accounted for a connection.
    is_over_budget: Cell<bool>,
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
            closing: Cell::new(false),
        }
    }

    pub(crate) fn clock(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.clock)
    }

    pub(super) fn insert(&self, conn: Rc<Conn>) -> usize {
        self.account(&conn);
        self.connections.borrow_mut().insert(conn)
    }

    pub(super) fn remove(&self, key: usize) {
        let conn = self.connections.borrow_mut().remove(key);
        self.keep(&conn);
        self.release(&conn);
    }

    /// Something was answered that no service saw.
    pub(super) fn said(&self, conn: &Conn, canned: Canned, id: &str, bytes: usize) {
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

    /// Lets a closed connection's answer arrive, where there are not too many of them.
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

    /// Connections that still give their last answer time.
    pub(crate) fn lingering(&self) -> usize {
        self.lingering.get()
    }

    /// From now on idle connections are closed at once.
    pub(crate) fn close_idle(&self) {
        self.closing.set(true);
        self.sweep();
    }

    /// Ends every connection, and returns how many of them were busy.
    pub(crate) fn cut(&self) -> u64 {
        let connections = self.snapshot();
        let busy = connections.iter().filter(|conn| conn.is_busy()).count();
        for conn in connections {
            conn.close(CloseReason::Cut);
        }
        busy as u64
    }

    /// Finds what has waited for too long. It is closed once its task has seen that nothing arrived.
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

    /// Closes the connections that have been idle for longest, a part of all, so that a flood of new
    /// ones does not search them each time. Those with a request on the way are not known here, so
    /// none is closed that was idle for a moment only.
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

    /// Accounts for the memory that a connection takes now. Where that is too much in all, the worker
    /// that holds most closes some.
    pub(super) fn account(&self, conn: &Conn) {
        let (before, now) = (conn.held.get(), conn.footprint());
        if before == now || conn.close_reason().is_some() {
            return;
        }
        conn.held.set(now);
        self.counters.held.subtract(before as u64);
        self.counters.held.add(now as u64);
        if now > before
            && self.budget.excess() > 0
            && let Some(largest) = self.budget.largest()
        {
            self.is_over_budget.set(true);
            largest.shed.notify_one();
        }
    }

    /// Whether no connection may take more memory now. Closing those that hold most takes a turn of
    /// their tasks, and without this all others would read and write in the meantime.
    pub(super) fn is_over_budget(&self) -> bool {
        if !self.is_over_budget.get() {
            return false;
        }
        let is_over = self.budget.excess() > 0;
        self.is_over_budget.set(is_over);
        if is_over && let Some(largest) = self.budget.largest() {
            largest.shed.notify_one();
        }
        is_over
    }

    fn release(&self, conn: &Conn) {
        self.counters.held.subtract(conn.held.take() as u64);
    }

    /// Closes connections, those that hold most first, until no more is held than may be. What a
    /// connection holds is free once its task has closed it.
    fn shed(&self) {
        let mut excess = self.budget.excess();
        if excess == 0 {
            return;
        }
        excess += self.budget.margin();
        let (leaving, mut staying): (Vec<_>, Vec<_>) = self
            .snapshot()
            .into_iter()
            .partition(|conn| conn.close_reason().is_some() || conn.is_unwanted());
        for conn in leaving {
            excess = excess.saturating_sub(conn.held.get() as u64);
        }
        // Of those that hold little, the idle ones and then those that take long.
        staying.sort_by_key(|conn| {
            let held = Some(conn.held.get()).filter(|held| *held > LITTLE_BYTES);
            Reverse((held, conn.is_idle(), conn.waited()))
        });
        for conn in staying {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(conn.held.get() as u64);
            if conn.is_idle() {
                self.counters.leaving.add(1);
                conn.evict();
            } else {
                self.close_overdue(&conn, CloseReason::Memory);
            }
        }
    }

    /// The connection stays, or is gone already: it makes no room any more.
    pub(super) fn keep(&self, conn: &Conn) {
        if conn.keep() {
            self.counters.leaving.subtract(1);
        }
    }

    /// Closes a connection, and counts why.
    pub(super) fn close_overdue(&self, conn: &Conn, reason: CloseReason) {
        if conn.close_reason().is_none() {
            self.counters.ended(reason);
        }
        conn.close(reason);
    }

    /// Why a connection is to be closed now, where it has waited for too long.
    pub(super) fn overdue(&self, conn: &Conn) -> Option<CloseReason> {
        let (limit, reason) = match conn.phase() {
            _ if conn.is_unwanted() && conn.is_idle() => return Some(CloseReason::Idle),
            _ if conn.is_blocked() => (self.timeouts.answer, CloseReason::Answer),
            // Its request may be on the way: it was let in, so it is waited for, a little.
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

    /// How often the clock moves: often enough for the shortest deadline, rarely enough to be free.
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

    /// Moves the clock and sweeps, for as long as it is polled. `each_turn` runs along.
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
            each_turn(interval);
        }
    }
}
