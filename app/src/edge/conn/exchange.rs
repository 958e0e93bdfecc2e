//! A request and its response, as the service and the stream report them.

use super::{Conn, Phase};
use crate::edge::framing::Body;
use crate::edge::memory::MOST_RETAINED;

impl Conn {
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

    /// A handler has read the whole body.
    pub(crate) fn on_body_end(&self) {
        self.phase.set(Phase::Service);
    }

    /// The response is complete as far as the service is concerned; it has yet to be written.
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

    /// The send buffer is full.
    pub(crate) fn on_blocked(&self) {
        if !self.blocked.replace(true) {
            self.since.set(self.clock.get());
        }
    }

    /// Whether the send buffer is full, so that the client has to read.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Everything was written, except for what the send buffer has no room for. If nothing is left over, a
    /// complete response is sent.
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

    /// Whether the rest of a request is awaited, so that a response to it can still be given.
    pub(crate) fn waits_for_request(&self) -> bool {
        let waits = matches!(
            self.phase.get(),
            Phase::FirstHead | Phase::NextHead | Phase::Body
        );
        waits && !self.blocked.get()
    }
}
