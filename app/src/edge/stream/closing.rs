//! Closing: the stream's own response to a request that never arrived whole, and whether the socket lingers or
//! is reset.

use std::io;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;

use super::EdgeStream;
use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::edge::conn::Phase;
use crate::edge::linger;

impl EdgeStream {
    /// Writes a response, as far as the send buffer has room for it. That is full if a client sent many
    /// requests at once and has not read the responses yet. The rest is sent while the connection lingers.
    pub(super) fn answer(&mut self, canned: Canned) {
        let (answer, id) = canned.render();
        let answer = answer.as_bytes();
        let rest = match self.socket.try_write(answer) {
            Ok(written) => Some(&answer[written..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(answer),
            Err(_) => None,
        };
        self.early_answer = rest.map(<[u8]>::to_vec);
        self.watch
            .answered_early(&self.conn, canned, &id, answer.len());
    }

    /// Closes the connection for `reason`. Returns the result of the parser's read.
    pub(super) fn close_for(&mut self, reason: CloseReason) -> Poll<io::Result<()>> {
        match reason {
            // The end of the stream.
            CloseReason::Idle => return Poll::Ready(Ok(())),
            CloseReason::FirstHead
                if self.conn.is_for_probes_only() && !self.conn.has_received() =>
            {
                self.answer(Canned::Full);
            }
            CloseReason::FirstHead
                if !self.conn.has_received() || self.conn.phase() == Phase::Proxy => {}
            CloseReason::FirstHead | CloseReason::NextHead | CloseReason::Body => {
                self.answer(Canned::Timeout);
            }
            CloseReason::HeadTooLarge => self.answer(Canned::HeadTooLarge),
            CloseReason::Framing => self.answer(Canned::BadRequest),
            CloseReason::Memory if self.conn.waits_for_request() => self.answer(Canned::Overloaded),
            // The connection is reset when it is dropped.
            CloseReason::Answer | CloseReason::Cut | CloseReason::Abort | CloseReason::Memory => {}
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether the service resets the connection.
    pub(super) fn resets(&self) -> bool {
        self.conn.close_reason().is_some_and(CloseReason::resets)
    }

    /// Whether the last response could be lost to a reset: bytes of the client are unread, or may be.
    pub(super) fn lingers(&self) -> bool {
        self.early_answer.is_some() || (!self.held.is_empty() && !self.resets())
    }

    /// Makes the kernel free the content of the send buffer at once: the client does not read it.
    fn reset_on_close(&self) {
        if let Some(socket) = self.socket.descriptor() {
            // If this fails, the kernel frees the buffer later.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Drop for EdgeStream {
    fn drop(&mut self) {
        self.watch.remove(self.key);
        if self.lingers() {
            let rest = self.early_answer.take().unwrap_or_default();
            self.watch.linger(linger::close(self.socket.take(), rest));
        } else if self.resets() {
            self.reset_on_close();
        }
    }
}
