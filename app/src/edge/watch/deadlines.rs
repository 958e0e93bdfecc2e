//! Finds the overdue connections, and why they are.

use std::rc::Rc;

use super::Watch;
use super::room::{NEWCOMER, may_leave};
use crate::close_reason::CloseReason;
use crate::edge::conn::{Conn, Phase};

impl Watch {
    /// Closes idle connections, now and from now on.
    pub(crate) fn close_idle(&self) {
        self.closing.set(true);
        self.sweep();
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

    /// Closes a connection, and counts why.
    pub(in crate::edge) fn close_overdue(&self, conn: &Conn, reason: CloseReason) {
        if conn.close_reason().is_none() {
            self.counters.ended(reason);
        }
        conn.close(reason);
    }
}
