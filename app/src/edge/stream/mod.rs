//! The socket under actix-http: reports to [`Conn`], and closes for the reason found there.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::edge::conn::{Conn, Phase};
use crate::edge::linger;
use crate::edge::memory::LARGE_BUFFER_BYTES;
use crate::edge::socket::Socket;
use crate::edge::watch::Watch;
use crate::edge::window;

/// A connection's socket.
pub(crate) struct EdgeStream {
    /// Gone once it was given to [`linger`].
    socket: Socket,
    /// Bytes that were read and not passed on: those of a next request, or those that turned out not to be
    /// a PROXY header or a plain request. As long as there are any, nothing is read from the socket.
    held: Vec<u8>,
    conn: Rc<Conn>,
    watch: Rc<Watch>,
    key: usize,
    /// The part of the stream's own response that the send buffer had no room for, if there was one. The
    /// connection lingers until that is sent: a reset could overtake the response.
    early_answer: Option<Vec<u8>>,
}

impl EdgeStream {
    pub(crate) fn new(socket: Socket, conn: Rc<Conn>, watch: Rc<Watch>) -> Self {
        let key = watch.insert(Rc::clone(&conn));
        Self {
            socket,
            held: Vec::new(),
            conn,
            watch,
            key,
            early_answer: None,
        }
    }

    pub(crate) fn conn(&self) -> &Rc<Conn> {
        &self.conn
    }

    /// Keeps bytes that were read as a PROXY header but are not one: the next read returns them first.
    pub(crate) fn hold(&mut self, bytes: Vec<u8>) {
        self.conn.hold(!bytes.is_empty());
        self.held = bytes;
    }

    /// Takes back the bytes that were read last: the next read returns them first.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.conn.on_put_back();
        self.held.splice(..0, bytes.iter().copied());
        self.conn.hold(true);
    }

    /// Writes a response, as far as the send buffer has room for it. That is full if a client sent many
    /// requests at once and has not read the responses yet. The rest is sent while the connection lingers.
    fn answer(&mut self, canned: Canned) {
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
    fn close_for(&mut self, reason: CloseReason) -> Poll<io::Result<()>> {
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

    /// Clears the mark of an overdue connection if the bytes that it was overdue for were read or written.
    fn reconsider(&self) {
        if self.conn.is_overdue() && self.watch.overdue(&self.conn).is_none() {
            self.conn.clear_overdue();
            self.watch.keep(&self.conn);
        }
    }

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

    /// Enlarges the socket's buffers, so that they do not limit the rate of a large body.
    fn enlarge_buffers(&self) {
        if let Some(descriptor) = self.socket.descriptor() {
            let socket = SockRef::from(&descriptor);
            // If one fails, the body is transferred more slowly.
            let _ = socket.set_recv_buffer_size(LARGE_BUFFER_BYTES);
            let _ = socket.set_send_buffer_size(LARGE_BUFFER_BYTES);
            let _ = window::raise_limit(descriptor, LARGE_BUFFER_BYTES);
        }
    }

    /// Whether the service resets the connection.
    fn resets(&self) -> bool {
        self.conn.close_reason().is_some_and(CloseReason::resets)
    }

    /// Whether the last response could be lost to a reset: bytes of the client are unread, or may be.
    fn lingers(&self) -> bool {
        self.early_answer.is_some() || (!self.held.is_empty() && !self.resets())
    }

    /// Makes the kernel free the content of the send buffer at once: the client does not read it.
    fn reset_on_close(&self) {
        if let Some(socket) = self.socket.descriptor() {
            // If this fails, the kernel frees the buffer later.
            let _ = SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO));
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

impl AsyncWrite for EdgeStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.resets() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if matches!(
            this.conn.phase(),
            Phase::FirstHead | Phase::NextHead | Phase::Idle
        ) && let Some(canned) = Canned::instead_of(bytes)
        {
            this.answer(match canned {
                Canned::BadRequest if this.conn.has_unknown_coding() => Canned::UnknownCoding,
                other => other,
            });
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut this.socket).poll_write(context, bytes);
        match polled {
            Poll::Ready(Ok(count)) => {
                if this.conn.starts_download() {
                    this.enlarge_buffers();
                    this.watch.account(&this.conn);
                }
                this.conn.on_write(count, bytes.len());
                this.reconsider();
            }
            Poll::Pending => {
                this.conn.on_blocked();
                this.conn.watch(context);
                this.watch.account(&this.conn);
                if this.conn.is_overdue()
                    && this.watch.overdue(&this.conn) == Some(CloseReason::Answer)
                {
                    this.watch.close_overdue(&this.conn, CloseReason::Answer);
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has nothing of its own to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket that lingers is shut down there.
        if self.lingers() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_shutdown(context)
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
