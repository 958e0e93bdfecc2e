//! Closing a connection from outside its task: the reason, and the waker that lets the task notice it.

use std::task::Context;

use super::Conn;
use crate::close_reason::CloseReason;

impl Conn {
    /// Closes the connection: its task is woken and finds the reason. Later reasons are ignored.
    pub(crate) fn close(&self, reason: CloseReason) {
        if self.close_reason.get().is_none() {
            self.close_reason.set(Some(reason));
        }
        self.wake();
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get()
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

    /// Withdraws the request to make room. Returns whether there was one.
    pub(crate) fn keep(&self) -> bool {
        self.unwanted.replace(false)
    }

    /// Marks the connection as overdue: its task reads the socket once more before it closes it.
    pub(crate) fn suspect(&self) {
        if !self.overdue.replace(true) {
            self.looked.set(false);
            self.wake();
        }
    }

    /// Whether the watch found the connection overdue.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.get()
    }

    /// Whether all that had arrived when it was found overdue has been read.
    pub(crate) fn has_looked(&self) -> bool {
        self.looked.get()
    }

    /// Nothing more has arrived. The next sweep decides on the connection by what was read.
    pub(crate) fn on_look(&self, context: &Context<'_>) {
        self.looked.set(true);
        context.waker().wake_by_ref();
    }

    /// Clears the mark of an overdue connection.
    pub(crate) fn clear_overdue(&self) {
        self.overdue.set(false);
    }

    /// Remembers the task to wake.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) if known.will_wake(context.waker()) => {}
            Some(known) => known.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
    }

    /// Wakes its task.
    pub(in crate::edge) fn wake(&self) {
        // Cloned, so that no borrow is held while the runtime runs.
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
