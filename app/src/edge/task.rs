//! A connection's task: polls actix-http's dispatcher, and checks the connection after each poll.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::error::DispatchError;

use super::conn::{Conn, Phase};
use crate::close_reason::CloseReason;

/// Polls `dispatcher`, holds its request heads to the limit, and drops it if it does not notice that
/// its connection is to be reset.
///
/// The parser decodes everything it has before its turn ends. A head that has grown beyond the limit
/// and is still incomplete then is therefore too large.
pub(crate) struct Turns<D> {
    dispatcher: Pin<Box<D>>,
    conn: Rc<Conn>,
    head_limit: usize,
}

impl<D> Turns<D> {
    pub(crate) fn new(dispatcher: D, conn: Rc<Conn>, head_limit: usize) -> Self {
        Self {
            dispatcher: Box::pin(dispatcher),
            conn,
            head_limit,
        }
    }
}

impl<D: Future<Output = Result<(), DispatchError>>> Future for Turns<D> {
    type Output = D::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<D::Output> {
        let polled = self.dispatcher.as_mut().poll(context);
        if polled.is_ready() {
            return polled;
        }
        // The dispatcher reads no more from a client that has closed its side, and writes nothing while a
        // handler waits: then neither reaches the stream, which would report the reason.
        if self.conn.close_reason().is_some_and(CloseReason::resets) {
            return Poll::Ready(Ok(()));
        }
        self.conn.watch(context);
        // The dispatcher flushes before its turn is over.
        self.conn.on_flush();
        if matches!(self.conn.phase(), Phase::FirstHead | Phase::NextHead)
            && self.conn.received() > self.head_limit
        {
            self.conn.close(CloseReason::HeadTooLarge);
        }
        polled
    }
}
