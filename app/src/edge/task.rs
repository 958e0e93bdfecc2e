//! A connection's task: what actix-http does with it, looked at once a turn.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::conn::{Conn, Phase};
use crate::close_reason::CloseReason;

/// Drives `dispatcher` and holds its request heads to the limit.
///
/// The parser decodes everything it has before its turn ends. A head that has grown beyond the limit
/// and is still incomplete then is therefore too large.
pub(crate) struct Turns<D> {
    dispatcher: Pin<Box<D>>,
    conn: Rc<Conn>,
    head_limit: usize,
}

impl<D: Future> Turns<D> {
    pub(crate) fn new(dispatcher: D, conn: Rc<Conn>, head_limit: usize) -> Self {
        Self {
            dispatcher: Box::pin(dispatcher),
            conn,
            head_limit,
        }
    }
}

impl<D: Future> Future for Turns<D> {
    type Output = D::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<D::Output> {
        let polled = self.dispatcher.as_mut().poll(context);
        if polled.is_ready() {
            return polled;
        }
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
