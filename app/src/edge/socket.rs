//! A connection's socket, which is registered with epoll only once there is something to wait for: most
//! requests have arrived when their connection is accepted, and a client that closes it after its response
//! then costs no call of epoll.

use std::io::{self, ErrorKind, Read as _};
use std::mem;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection's socket.
pub(crate) enum Socket {
    /// Non-blocking, and not registered with epoll.
    Fresh(std::net::TcpStream),
    /// Registered with the runtime.
    Watched(TcpStream),
    /// Taken, or refused by epoll.
    Gone,
}

impl Socket {
    /// Registers the socket with the runtime.
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Self::Fresh(_) = self
            && let Self::Fresh(socket) = self.take()
        {
            *self = Self::Watched(TcpStream::from_std(socket)?);
        }
        match self {
            Self::Watched(socket) => Ok(Pin::new(socket)),
            Self::Fresh(_) | Self::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Takes the socket, and leaves [`Gone`](Self::Gone) behind.
    pub(super) fn take(&mut self) -> Self {
        mem::replace(self, Self::Gone)
    }

    /// Writes as much as the send buffer has room for, by a system call of its own: the runtime would answer
    /// from its last call of `epoll_wait`, before the socket was registered.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.descriptor().ok_or(ErrorKind::NotConnected)?;
        Ok(send(
            socket,
            bytes,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        )?)
    }

    /// The descriptor, for options.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Fresh(socket) => Some(socket.as_fd()),
            Self::Watched(socket) => Some(socket.as_fd()),
            Self::Gone => None,
        }
    }
}

/// The result of a system call, unless it would have blocked.
fn at_once(outcome: io::Result<usize>) -> Option<io::Result<usize>> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            None
        }
        other => Some(other),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Self::Fresh(socket) = &mut *self
            && let Some(outcome) = at_once(socket.read(buffer.initialize_unfilled()))
        {
            return Poll::Ready(outcome.map(|count| buffer.advance(count)));
        }
        self.watched()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match at_once(self.try_write(bytes)) {
            Some(outcome) => Poll::Ready(outcome),
            None => self.watched()?.poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has nothing of its own to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Fresh(socket) => Poll::Ready(socket.shutdown(Shutdown::Write)),
            Self::Watched(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Gone => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream as Client};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> (Client, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (client, Socket::Fresh(socket))
    }

    #[tokio::test]
    async fn a_request_that_has_arrived_is_answered_without_epoll() {
        let (mut client, mut socket) = pair();
        client.write_all(b"ask").unwrap();
        // Loopback delivers within the call.
        let mut buffer = [0; 8];
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 3);
        socket.write_all(b"answer").await.unwrap();
        assert!(matches!(socket, Socket::Fresh(_)));
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
    }

    #[tokio::test]
    async fn a_request_that_has_not_arrived_is_awaited() {
        let (mut client, mut socket) = pair();
        let mut buffer = [0; 8];
        let sending = async {
            tokio::task::yield_now().await;
            client.write_all(b"late").unwrap();
        };
        let (read, ()) = tokio::join!(socket.read(&mut buffer), sending);
        assert_eq!(read.unwrap(), 4);
        assert!(matches!(socket, Socket::Watched(_)));
        drop(client);
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_socket_that_was_just_registered_takes_a_response_at_once() {
        let (mut client, mut socket) = pair();
        // This read registers it, and the runtime has not called epoll_wait since.
        let mut buffer = [0; 8];
        let mut read = ReadBuf::new(&mut buffer);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut socket = Pin::new(&mut socket);
        assert!(
            socket
                .as_mut()
                .poll_read(&mut context, &mut read)
                .is_pending()
        );
        assert_eq!(socket.try_write(b"one").unwrap(), 3);
        let written = socket.as_mut().poll_write(&mut context, b"two");
        assert!(matches!(written, Poll::Ready(Ok(3))), "{written:?}");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"onetwo");
    }
}
