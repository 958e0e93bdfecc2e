//! The socket under the admin listener's actix-http. To bytes that it cannot parse, actix-http responds
//! without a body; this stream replaces such a response by a problem.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::canned::Canned;

/// A connection of the admin listener.
pub(super) struct AdminStream(pub(super) TcpStream);

impl AsyncRead for AdminStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for AdminStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The application's own responses all have a body.
        let is_empty = || contains(bytes, b"content-length: 0\r\n");
        if let Some(canned) = Canned::instead_of(bytes).filter(|_| is_empty()) {
            let (answer, _) = canned.render();
            // It is small: if the kernel does not take all of it at once, the client does not read.
            return Poll::Ready(self.0.try_write(answer.as_bytes()).map(|_| bytes.len()));
        }
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
