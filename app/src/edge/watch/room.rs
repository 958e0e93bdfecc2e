//! Makes room at the connection limit: closes the connections that have been idle for longest.

use std::cmp::Reverse;
use std::time::Duration;

use super::Watch;
use crate::edge::conn::Conn;

/// How long a connection may be silent if it was accepted over the limit or while the listener was being
/// closed, and the shortest idle time after which a connection is closed to make room for another.
pub(super) const NEWCOMER: Duration = Duration::from_millis(500);

/// Whether a connection may be closed to make room.
pub(super) fn may_leave(conn: &Conn) -> bool {
    conn.is_idle() && !conn.is_unwanted() && u128::from(conn.waited()) >= NEWCOMER.as_millis()
}

impl Watch {
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
        idle.sort_unstable_by_key(|conn| (Reverse(conn.waited()), conn.number.get()));
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
}
