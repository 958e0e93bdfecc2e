//! The queue of spans before the exporter. Recording a span never blocks: it is dropped and counted if
//! the queue is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock;
use crate::trace::SpanIds;

/// Capacity of the queue in spans.
const QUEUE: usize = 4096;

/// A finished request.
pub(crate) struct Finished<'a> {
    pub(crate) ids: SpanIds,
    pub(crate) method: &'a str,
    /// `None` for an unknown path.
    pub(crate) route: Option<&'static str>,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) cut: bool,
}

/// A span that waits to be sent.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) ids: SpanIds,
    pub(super) method: String,
    pub(super) route: Option<&'static str>,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) cut: bool,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
}

pub(super) enum Message {
    Span(Box<Span>),
    /// Send what is queued, and stop.
    Finish,
}

/// The sender of the queue, and the outcomes of what was sent.
#[derive(Clone)]
pub(crate) struct Spans {
    queue: Option<SyncSender<Message>>,
    pub(super) sent: Arc<AtomicU64>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl Spans {
    /// Records nothing.
    pub(super) fn off() -> Self {
        Self {
            queue: None,
            sent: Arc::default(),
            dropped: Arc::default(),
        }
    }

    pub(super) fn new() -> (Self, Receiver<Message>) {
        let (queue, receiver) = sync_channel(QUEUE);
        (
            Self {
                queue: Some(queue),
                ..Self::off()
            },
            receiver,
        )
    }

    /// Records a request, if its trace is recorded.
    pub(crate) fn record(&self, finished: &Finished<'_>) {
        let Some(queue) = self.queue.as_ref().filter(|_| finished.ids.sampled) else {
            return;
        };
        let end = clock::unix_now();
        let span = Span {
            ids: finished.ids,
            method: finished.method.to_owned(),
            route: finished.route,
            path: finished.path.to_owned(),
            status: finished.status,
            cut: finished.cut,
            start: UNIX_EPOCH + end.saturating_sub(finished.took),
            end: UNIX_EPOCH + end,
        };
        if queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks the exporter to stop.
    pub(super) fn finish(&self) {
        if let Some(queue) = &self.queue {
            // The exporter is emptying a full queue, and also stops once all senders are dropped.
            let _ = queue.try_send(Message::Finish);
        }
    }

    /// Spans that the collector accepted, and those that were dropped.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (
            self.sent.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}
