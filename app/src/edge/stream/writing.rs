//! Writing: the responses of actix-http that have no body are replaced, and a full send buffer is reported.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::EdgeStream;
use crate::canned::Canned;
use crate::close_reason::CloseReason;
use crate::edge::conn::Phase;

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
