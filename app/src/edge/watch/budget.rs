//! Enforces the memory budget: accounts for connections, postpones reads that would take more, and closes
//! the connections that hold the most.

use std::cmp::Reverse;
use std::rc::Rc;

use super::Watch;
use super::room::may_leave;
use crate::close_reason::CloseReason;
use crate::edge::conn::Conn;
use crate::edge::memory::LITTLE_BYTES;

impl Watch {
    /// Accounts for the memory that a connection takes now. If that exceeds the budget, the worker that
    /// holds the most closes some of its connections.
    pub(in crate::edge) fn account(&self, conn: &Conn) {
        let (before, now) = (conn.held.get(), conn.footprint());
        if before == now || conn.close_reason().is_some() {
            return;
        }
        conn.held.set(now);
        self.counters.held.subtract(before as u64);
        self.counters.held.add(now as u64);
        if now < before {
            self.resume();
        } else if self.budget.excess() > 0
            && let Some(largest) = self.budget.largest()
        {
            self.is_over_budget.set(true);
            largest.shed.notify_one();
        }
    }

    /// Whether no connection may take more memory now. Those that hold the most are closed when their tasks
    /// are next polled; without this, all others would go on reading in the meantime.
    pub(in crate::edge) fn is_over_budget(&self) -> bool {
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

    /// Wakes the connection once the budget is met.
    pub(in crate::edge) fn postpone(&self, conn: &Rc<Conn>) {
        if !conn.is_postponed.replace(true) {
            self.postponed.borrow_mut().push(Rc::clone(conn));
        }
    }

    /// Wakes the postponed connections if the budget is met.
    pub(in crate::edge) fn resume(&self) {
        if self.postponed.borrow().is_empty() || self.is_over_budget() {
            return;
        }
        for conn in self.postponed.take() {
            conn.is_postponed.set(false);
            conn.wake();
        }
    }

    pub(super) fn release(&self, conn: &Conn) {
        self.counters.held.subtract(conn.held.take() as u64);
    }

    /// Closes connections, those that hold the most first, until the budget is met. The memory of a
    /// connection is free once its task has closed it.
    ///
    /// A worker that holds no more than its share closes none: others hold the excess, or have not freed it
    /// yet, and small requests here must not be refused for it.
    pub(in crate::edge) fn shed(&self) {
        let mut excess = self.budget.excess();
        if excess == 0 {
            return;
        }
        excess += self.budget.margin();
        let (leaving, mut staying): (Vec<_>, Vec<_>) = self
            .snapshot()
            .into_iter()
            .partition(|conn| conn.close_reason().is_some() || conn.is_unwanted());
        let mut left = self.counters.held.get();
        for conn in leaving {
            excess = excess.saturating_sub(conn.held.get() as u64);
            left = left.saturating_sub(conn.held.get() as u64);
        }
        // Of those that hold little, and will hold little, first the idle ones, then those that have taken
        // longest, and those that were accepted first: to one that was accepted a moment ago, a request may be
        // on its way.
        staying.sort_by_key(|conn| {
            let held = conn.held.get();
            let is_little = held <= LITTLE_BYTES && !conn.expects_more_than(LITTLE_BYTES);
            let much = (!is_little).then_some(held);
            let age = Reverse(conn.number.get());
            Reverse((much, may_leave(conn), conn.waited(), conn.is_idle(), age))
        });
        for conn in staying {
            if excess == 0 || left <= self.budget.share() {
                break;
            }
            excess = excess.saturating_sub(conn.held.get() as u64);
            left = left.saturating_sub(conn.held.get() as u64);
            if conn.is_idle() {
                self.counters.leaving.add(1);
                conn.evict();
            } else {
                self.close_overdue(&conn, CloseReason::Memory);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::edge::framing::Body;
    use crate::edge::memory::Budget;
    use crate::metrics::counters::Counters;
    use crate::settings::Timeouts;

    /// A watch of a worker alone with this budget.
    fn watch(budget: u64) -> Watch {
        let limit = Duration::from_hours(1);
        let timeouts = Timeouts {
            first_head: limit,
            next_head: limit,
            body: limit,
            answer: limit,
            keep_alive: limit,
            min_rate: 1,
        };
        let counters = Arc::<Counters>::default();
        let budget = Budget::new(budget, vec![Arc::clone(&counters)]);
        Watch::new(timeouts, counters, Arc::new(budget))
    }

    fn accept(watch: &Watch) -> Rc<Conn> {
        let peer = ([127, 0, 0, 1], 1).into();
        let conn = Rc::new(Conn::new(peer, watch.clock(), 1));
        watch.insert(Rc::clone(&conn));
        conn
    }

    #[test]
    fn a_connection_that_was_just_accepted_is_closed_last() {
        let watch = watch(3 * LITTLE_BYTES as u64 / 2);
        let waiting = accept(&watch);
        waiting.on_request(Body::Length(0));
        watch.clock().set(60_000);
        let idle = accept(&watch);
        watch.clock().set(61_000);
        // Its request is on its way.
        let newcomer = accept(&watch);
        watch.shed();
        assert!(idle.is_unwanted());
        assert!(!newcomer.is_unwanted());

        let another = accept(&watch);
        watch.shed();
        assert_eq!(waiting.close_reason(), Some(CloseReason::Memory));
        assert!(!newcomer.is_unwanted() && !another.is_unwanted());
    }

    /// A flood between two ticks of the coarse clock, when no connection has waited longer than another.
    #[test]
    fn of_connections_that_waited_equally_long_the_first_are_closed() {
        let watch = watch(4 * LITTLE_BYTES as u64);
        let closed = watch.insert(Rc::new(Conn::new(
            ([127, 0, 0, 1], 1).into(),
            watch.clock(),
            1,
        )));
        let flood: Vec<_> = (0..8).map(|_| accept(&watch)).collect();
        watch.remove(closed);
        // It has the place of the one that was closed.
        let newcomer = accept(&watch);
        watch.shed();
        assert!(flood[0].is_unwanted());
        assert!(!newcomer.is_unwanted());
    }

    #[test]
    fn an_upload_that_has_just_begun_is_closed_before_a_small_request() {
        let watch = watch(LITTLE_BYTES as u64);
        let small = accept(&watch);
        small.on_request(Body::Length(5));
        let upload = accept(&watch);
        upload.on_request(Body::Length(1 << 20));
        watch.shed();
        assert_eq!(upload.close_reason(), Some(CloseReason::Memory));
        assert_eq!(small.close_reason(), None);
    }
}
