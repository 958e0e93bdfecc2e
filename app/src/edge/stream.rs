//! The socket under actix-http: reports to [`Conn`], and closes for the reason that it gives.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::conn::{Conn, Phase};
use super::linger;
use super::memory::LARGE_BUFFER_BYTES;
use super::socket::Socket;
use super::watch::Watch;
use crate::canned::Canned;
use crate::close_reason::CloseReason;

/// A connection's socket.
pub(crate) struct EdgeStream {
    /// Gone once it was given to [`linger`].
    socket: Socket,
    /// Bytes that came and were not given on: a next request's, or such as turned out to be no PROXY
    /// header or no plain request. As long as there are any, nothing is read from the socket.
    held: Vec<u8>,
    conn: Rc<Conn>,
    watch: Rc<Watch>,
    key: usize,
    /// Something was said that could be lost to a reset.
    spoke: bool,
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
            spoke: false,
        }
    }

    pub(crate) fn conn(&self) -> &Rc<Conn> {
        &self.conn
    }

    /// Keeps what was read as the PROXY header and is none: the next read returns it first.
    pub(crate) fn hold(&mut self, bytes: Vec<u8>) {
        self.conn.hold(!bytes.is_empty());
        self.held = bytes;
    }

    /// Takes back what was read last. It is what the next read returns first.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.conn.on_put_back();
        self.held.splice(..0, bytes.iter().copied());
        self.conn.hold(true);
    }

    /// Says what is wrong, as far as the kernel takes it at once. It does: the answer is small, and
    /// nothing was written since the last one was taken whole.
    fn say(&mut self, canned: Canned) {
        let (answer, id) = canned.render();
        self.spoke = self.socket.try_write(answer.as_bytes()).is_ok();
        self.watch.said(&self.conn, canned, &id, answer.len());
    }

    /// Closes the connection for `reason`. `Ready` is what the parser gets to see.
    fn close_for(&mut self, reason: CloseReason) -> Poll<io::Result<()>> {
        match reason {
            // The end of the stream.
            CloseReason::Idle => return Poll::Ready(Ok(())),
            CloseReason::FirstHead
                if self.conn.is_for_probes_only() && !self.conn.has_received() =>
            {
                self.say(Canned::Full);
            }
            CloseReason::FirstHead
                if !self.conn.has_received() || self.conn.phase() == Phase::Proxy => {}
            CloseReason::FirstHead | CloseReason::NextHead | CloseReason::Body => {
                self.say(Canned::Timeout);
            }
            CloseReason::HeadTooLarge => self.say(Canned::HeadTooLarge),
            CloseReason::Framing => self.say(Canned::BadRequest),
            CloseReason::Memory if self.conn.waits_for_request() => self.say(Canned::Overloaded),
            CloseReason::Answer | CloseReason::Cut | CloseReason::Abort | CloseReason::Memory => {
                self.reset_on_close();
            }
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What was read or written may be what an overdue connection was waited for.
    fn reconsider(&self) {
        if self.conn.is_overdue() && self.watch.overdue(&self.conn).is_none() {
            self.conn.clear_overdue();
            self.watch.keep(&self.conn);
        }
    }

    /// Gives what is held, as far as it may be given now. Returns whether that is anything.
    fn give_held(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let most = self.held.len().min(buffer.remaining());
        let count = self.conn.give(&self.held[..most]);
        buffer.put_slice(&self.held[..count]);
        self.held.drain(..count);
        if self.held.is_empty() {
            // An idle connection needs no room for it.
            self.held = Vec::new();
        }
        self.conn.hold(!self.held.is_empty());
        count > 0
    }

    /// Reads from the socket, and holds what may not be given now. It is pending where that is all.
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

    /// The rate of a large body is no longer bound to the buffers of small requests.
    fn enlarge_buffers(&self) {
        if let Some(socket) = self.socket.descriptor() {
            let socket = SockRef::from(&socket);
            // Where this fails, the body moves more slowly.
            let _ = socket.set_recv_buffer_size(LARGE_BUFFER_BYTES);
            let _ = socket.set_send_buffer_size(LARGE_BUFFER_BYTES);
        }
    }

    /// Whether the last answer could be lost to a reset: bytes of the client are unread, or may be.
    fn lingers(&self) -> bool {
        let cut = matches!(
            self.conn.close_reason(),
            Some(CloseReason::Answer | CloseReason::Cut | CloseReason::Abort | CloseReason::Memory)
        );
        self.spoke || (!self.held.is_empty() && !cut)
    }

    /// Nobody reads what is in the send buffer: give its memory back at once.
    fn reset_on_close(&self) {
        if let Some(socket) = self.socket.descriptor() {
            // Where this fails, the kernel keeps the buffer a little longer.
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
        if this.conn.close_reason().is_none()
            && !this.conn.is_overdue()
            && this.watch.is_over_budget()
        {
            this.conn.watch(context);
            context.waker().wake_by_ref();
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
        if let Some(
            CloseReason::Answer | CloseReason::Cut | CloseReason::Abort | CloseReason::Memory,
        ) = this.conn.close_reason()
        {
            this.reset_on_close();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if matches!(
            this.conn.phase(),
            Phase::FirstHead | Phase::NextHead | Phase::Idle
        ) && let Some(canned) = Canned::instead_of(bytes)
        {
            this.say(match canned {
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
                    this.reset_on_close();
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
            self.watch.linger(linger::close(self.socket.take()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::edge::memory::{Budget, SMALL_BUFFER_BYTES};
    use crate::settings::Timeouts;

    const SECOND: Duration = Duration::from_secs(1);

    /// A client and the stream that it is connected to, which is late with its first head.
    async fn late() -> (TcpStream, EdgeStream) {
        let timeouts = Timeouts {
            first_head: SECOND,
            next_head: SECOND,
            body: SECOND,
            answer: SECOND,
            keep_alive: SECOND,
            min_rate: 1,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (socket, peer) = listener.accept().await.unwrap();
        let watch = Rc::new(Watch::new(
            timeouts,
            Arc::default(),
            Arc::new(Budget::new(u64::MAX, Vec::new())),
        ));
        let clock = Rc::new(Cell::new(0));
        let conn = Rc::new(Conn::new(peer, Rc::clone(&clock), 1));
        let stream = EdgeStream::new(Socket::Watched(socket), conn, Rc::clone(&watch));
        clock.set(5000);
        (client, stream)
    }

    async fn readable(stream: &EdgeStream) {
        let Socket::Watched(socket) = &stream.socket else {
            panic!("the socket is not watched");
        };
        socket.readable().await.unwrap();
    }

    /// A closed stream lingers in a task of its own.
    async fn test(body: impl Future<Output = ()>) {
        tokio::task::LocalSet::new().run_until(body).await;
    }

    #[tokio::test]
    async fn what_has_arrived_is_read_before_a_connection_is_closed_for_being_late() {
        test(async {
            let (mut client, mut stream) = late().await;
            client.write_all(b"GET ").await.unwrap();
            stream.conn.suspect();
            readable(&stream).await;
            let mut buffer = [0; 100];
            assert_eq!(
                AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
                4
            );
            assert_eq!(stream.conn.close_reason(), None);
            // It was no whole head, and nothing more has arrived.
            assert!(AsyncReadExt::read(&mut stream, &mut buffer).await.is_err());
            assert_eq!(stream.conn.close_reason(), Some(CloseReason::FirstHead));
        })
        .await;
    }

    #[tokio::test]
    async fn buffers_grow_for_a_large_body_alone() {
        let (mut client, mut stream) = late().await;
        let size = |stream: &EdgeStream| {
            let socket = stream.socket.descriptor().unwrap();
            SockRef::from(&socket).recv_buffer_size().unwrap()
        };
        let socket = stream.socket.descriptor().unwrap();
        SockRef::from(&socket)
            .set_recv_buffer_size(SMALL_BUFFER_BYTES)
            .unwrap();
        for (sent, expected) in [
            (100, SMALL_BUFFER_BYTES),
            (SMALL_BUFFER_BYTES, LARGE_BUFFER_BYTES),
        ] {
            client.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
            let mut buffer = vec![0; 2 * SMALL_BUFFER_BYTES];
            AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
            let body = super::super::framing::Body::Length(sent as u64 + 1);
            stream.conn.on_request(body);
            stream.conn.on_body_wait();
            client.write_all(&vec![b'x'; sent]).await.unwrap();
            let mut left = sent;
            while left > 0 {
                left -= AsyncReadExt::read(&mut stream, &mut buffer[..left])
                    .await
                    .unwrap();
            }
            assert_eq!(size(&stream), 2 * expected);
            client.write_all(b"x").await.unwrap();
            AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
            stream.conn.on_answer(false);
            stream.conn.on_flush();
        }
    }

    #[tokio::test]
    async fn a_request_that_has_arrived_clears_a_late_connection() {
        let (mut client, mut stream) = late().await;
        let request = b"GET / HTTP/1.1\r\n\r\n";
        client.write_all(request).await.unwrap();
        stream.conn.suspect();
        readable(&stream).await;
        let mut buffer = [0; 100];
        assert_eq!(
            AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
            request.len()
        );
        stream.conn.on_request(super::super::framing::Body::NONE);
        stream.conn.on_answer(false);
        stream.conn.on_flush();
        client.write_all(request).await.unwrap();
        assert_eq!(
            AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
            request.len()
        );
        assert_eq!(stream.conn.close_reason(), None);
    }
}
