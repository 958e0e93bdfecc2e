//! The body of a response, in one piece or in several.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::time::Interval;

use super::exchange::Exchange;

/// How often a stream checks whether the pod drains.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Checks from one event to the next.
const CHECKS_PER_EVENT: u64 = 4;

/// What has not been sent.
pub(super) enum Content {
    /// Everything at once, with its length.
    Whole(Bytes),
    /// This many chunks.
    Chunks { next: u32, count: u32 },
    /// Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), one a
    /// second, until the pod drains.
    Events { checks: Interval, number: u64 },
    /// Nothing.
    Done,
}

impl Content {
    pub(super) fn events() -> Self {
        Self::Events {
            checks: tokio::time::interval(CHECK_INTERVAL),
            number: 0,
        }
    }
}

/// A body, and the exchange that is complete with it.
pub(crate) struct ResponseBody {
    content: Content,
    exchange: Exchange,
}

impl ResponseBody {
    pub(super) fn new(content: Content, exchange: Exchange) -> Self {
        Self { content, exchange }
    }

    /// The next piece; `None` at the end.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.content {
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(bytes))
            }
            Content::Chunks { next, count } if *next < *count => {
                *next += 1;
                Poll::Ready(Some(format!("chunk {next} of {count}\n").into()))
            }
            Content::Events { checks, number } => loop {
                ready!(checks.poll_tick(context));
                if self.exchange.worker.is_draining() {
                    self.content = Content::Done;
                    let last = "event: drain\ndata: the pod is draining; reconnect\n\n";
                    return Poll::Ready(Some(Bytes::from_static(last.as_bytes())));
                }
                let check = *number;
                *number += 1;
                if check.is_multiple_of(CHECKS_PER_EVENT) {
                    let event = format!("id: {0}\ndata: {0}\n\n", check / CHECKS_PER_EVENT);
                    return Poll::Ready(Some(event.into()));
                }
            },
            Content::Chunks { .. } | Content::Done => Poll::Ready(None),
        }
    }
}

impl MessageBody for ResponseBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        match &self.content {
            Content::Whole(bytes) => BodySize::Sized(bytes.len() as u64),
            Content::Chunks { .. } | Content::Events { .. } | Content::Done => BodySize::Stream,
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let is_stream = self.size() == BodySize::Stream;
        let piece = ready!(self.next(context));
        match &piece {
            None => self.exchange.finish(),
            Some(piece) if is_stream => self.exchange.sent(piece.len()),
            Some(_) => {}
        }
        Poll::Ready(piece.map(Ok))
    }
}
