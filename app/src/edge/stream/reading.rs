//! Reading: the parser gets the bytes of one request, and an overdue connection is closed once all that has
//! arrived was read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::EdgeStream;

impl EdgeStream {
    /// Gives the bytes that are held, as far as the parser may have them now. Returns whether it got any.
    fn give_held(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let most = self.held.len().min(buffer.remaining());
        let count = self.conn.give(&self.held[..most]);
        buffer.put_slice(&self.held[..count]);
        self.held.drain(..count);
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = Vec::new();
        }
        self.conn.hold(!self.held.is_empty());
        count > 0
    }

    /// Reads from the socket, and holds what the parser may not have now. Pending where that is everything.
    fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        let count = self.conn.give(read);
        if self.conn.starts_upload() {
            self.enlarge_buffers();
        }
        let rest = &read[count..];
        if rest.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.held.extend_from_slice(rest);
        self.conn.hold(true);
        buffer.set_filled(before + count);
        if count == 0 {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl AsyncRead for EdgeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // A plain request takes no more memory than its connection has.
        if this.conn.is_parsed()
            && this.conn.close_reason().is_none()
            && !this.conn.is_overdue()
            && this.watch.is_over_budget()
        {
            this.conn.watch(context);
            this.watch.postpone(&this.conn);
            return Poll::Pending;
        }
        if !this.held.is_empty() && this.give_held(buffer) {
            this.watch.account(&this.conn);
            this.reconsider();
            return Poll::Ready(Ok(()));
        }
        if let Some(reason) = this.conn.close_reason() {
            return this.close_for(reason);
        }
        if this.conn.is_overdue() && this.conn.has_looked() {
            if let Some(reason) = this.watch.overdue(&this.conn) {
                this.watch.close_overdue(&this.conn, reason);
                return this.close_for(reason);
            }
            this.conn.clear_overdue();
            this.watch.keep(&this.conn);
        }
        let polled = if this.held.is_empty() {
            this.read(context, buffer)
        } else {
            Poll::Pending
        };
        if this.conn.is_parsed() {
            this.watch.account(&this.conn);
        }
        if polled.is_ready() {
            this.reconsider();
        } else if this.conn.is_overdue() {
            this.conn.on_look(context);
        } else {
            this.conn.watch(context);
        }
        polled
    }
}
