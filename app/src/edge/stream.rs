//! The socket under actix-http: reports to [`Conn`], and carries out its verdicts.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::canned::Canned;
use super::conn::{Conn, Verdict};
use super::linger;
use super::watch::Watch;

/// A connection's socket.
pub(crate) struct EdgeStream {
    /// `None` once it was handed to [`linger`].
    socket: Option<TcpStream>,
    /// Bytes that were read and are to be read again: they were no PROXY header, or no plain request.
    replay: Vec<u8>,
    conn: Rc<Conn>,
    watch: Rc<Watch>,
    key: usize,
    /// Set where the answer could be lost to a reset.
    lingers: bool,
}

impl EdgeStream {
    pub(crate) fn new(
        socket: TcpStream,
        replay: Vec<u8>,
        conn: Rc<Conn>,
        watch: Rc<Watch>,
    ) -> Self {
        let key = watch.insert(Rc::clone(&conn));
        Self {
            socket: Some(socket),
            replay,
            conn,
            watch,
            key,
            lingers: false,
        }
    }

    pub(crate) fn conn(&self) -> &Rc<Conn> {
        &self.conn
    }

    /// Takes back what was read last. It is what the next read returns first.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.conn.on_put_back();
        self.replay.splice(..0, bytes.iter().copied());
    }

    /// Says what is wrong, as far as the kernel takes it at once. It does: the answer is small, and
    /// nothing was written since the last one was taken whole.
    fn say(&mut self, canned: Canned) {
        let (answer, id) = canned.render();
        if let Some(socket) = &self.socket {
            self.lingers = socket.try_write(answer.as_bytes()).is_ok();
        }
        self.watch.said(&self.conn, canned, &id, answer.len());
    }

    /// Carries out why the connection is ended. `Ready` is what the parser gets to see.
    fn carry_out(
        &mut self,
        verdict: Verdict,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match verdict {
            Verdict::Idle => {
                // A request may have come in the meantime; it is served.
                let before = buffer.filled().len();
                if let Some(socket) = self.socket.as_mut()
                    && let Poll::Ready(read) = Pin::new(socket).poll_read(context, buffer)
                {
                    read?;
                    if buffer.filled().len() > before {
                        self.conn.acquit();
                        self.conn.on_read(&buffer.filled()[before..]);
                    }
                }
                // Otherwise nothing was added, which is the end of the stream.
                return Poll::Ready(Ok(()));
            }
            Verdict::FirstHead if !self.conn.has_received() => {}
            Verdict::FirstHead | Verdict::NextHead | Verdict::Body => self.say(Canned::Timeout),
            Verdict::HeadTooLarge => self.say(Canned::HeadTooLarge),
            Verdict::Answer | Verdict::Cut | Verdict::Abort => self.reset_on_close(),
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Nobody reads what is in the send buffer: give its memory back at once.
    fn reset_on_close(&self) {
        if let Some(socket) = &self.socket {
            // Where this fails, the kernel keeps the buffer a little longer.
            let _ = SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO));
        }
    }

    fn gone() -> io::Error {
        io::ErrorKind::NotConnected.into()
    }
}

impl AsyncRead for EdgeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Before any verdict: who is ended as idle may be waiting for the answer to these.
        if !this.replay.is_empty() {
            let count = this.replay.len().min(buffer.remaining());
            buffer.put_slice(&this.replay[..count]);
            this.conn.on_read(&this.replay[..count]);
            this.replay.drain(..count);
            return Poll::Ready(Ok(()));
        }
        if let Some(verdict) = this.conn.verdict() {
            return this.carry_out(verdict, context, buffer);
        }
        let before = buffer.filled().len();
        let Some(socket) = this.socket.as_mut() else {
            return Poll::Ready(Err(Self::gone()));
        };
        let polled = Pin::new(socket).poll_read(context, buffer);
        match &polled {
            Poll::Pending => this.conn.watch(context),
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                this.conn.on_read(&buffer.filled()[before..]);
            }
            Poll::Ready(_) => {}
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
        if let Some(Verdict::Answer | Verdict::Cut | Verdict::Abort) = this.conn.verdict() {
            this.reset_on_close();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let ours = match this.conn.refusal(bytes) {
            Some((0, canned)) => {
                this.say(canned);
                this.conn.on_write(bytes.len(), bytes.len());
                return Poll::Ready(Ok(bytes.len()));
            }
            Some((at, _)) => &bytes[..at],
            None => bytes,
        };
        let Some(socket) = this.socket.as_mut() else {
            return Poll::Ready(Err(Self::gone()));
        };
        let polled = Pin::new(socket).poll_write(context, ours);
        match polled {
            Poll::Ready(Ok(count)) => this.conn.on_write(count, bytes.len()),
            Poll::Pending => {
                this.conn.on_blocked();
                this.conn.watch(context);
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
        let lingers = self.lingers;
        match self.socket.as_mut().filter(|_| !lingers) {
            Some(socket) => Pin::new(socket).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for EdgeStream {
    fn drop(&mut self) {
        self.watch.remove(self.key);
        if self.lingers
            && let Some(socket) = self.socket.take()
        {
            self.watch.linger(linger::close(socket));
        }
    }
}
