//! Which of the bytes that arrive the parser gets: those of one request at a time.

use super::{Conn, Phase};
use crate::close_reason::CloseReason;
use crate::edge::framing::Head;

impl Conn {
    /// How many of `bytes` the parser may have now; the stream then gives it just these. It gets none
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
            Phase::Body | Phase::Unread => self.give_body(bytes),
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

    /// No request follows a body that no handler reads: the connection is closed.
    fn give_body(&self, bytes: &[u8]) -> usize {
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

    /// The stream took back the bytes that it gave last, to give them to the parser.
    pub(crate) fn on_put_back(&self) {
        if self.phase.get() == Phase::NextHead {
            self.phase.set(Phase::Idle);
        }
        self.is_parsed.set(true);
        self.received.set(0);
        self.head.set(Head::default());
        self.head_is_given.set(false);
    }

    /// Whether actix-http parses the requests. The memory of the connection then varies from one request
    /// to the next.
    pub(in crate::edge) fn is_parsed(&self) -> bool {
        self.is_parsed.get()
    }

    /// Whether any byte of a request has arrived.
    pub(crate) fn has_received(&self) -> bool {
        self.received.get() > 0
    }

    /// Bytes of the head that is arriving, or of the last complete one.
    pub(crate) fn received(&self) -> usize {
        self.received.get()
    }

    /// Whether the head names an unknown transfer coding.
    pub(crate) fn has_unknown_coding(&self) -> bool {
        self.coding.borrow().is_unknown()
    }

    /// Records whether the stream holds bytes back.
    pub(crate) fn hold(&self, holds: bool) {
        self.holds.set(holds);
    }

    /// Wakes the task if the stream holds bytes back: the parser may have them now.
    pub(super) fn offer(&self) {
        if self.holds.get() {
            self.wake();
        }
    }
}
