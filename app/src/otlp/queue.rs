//! Spans on their way to the exporter. Who records one never waits: one that finds the queue full is
//! dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::clock;
use crate::trace::SpanIds;

/// Spans that may wait.
const QUEUE: usize = 4096;

/// What a request's end tells.
pub(crate) struct Finished {
    pub(crate) ids: SpanIds,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) cut: bool,
}

/// A span, ready to be encoded.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) ids: SpanIds,
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) status: u16,
    pub(super) cut: bool,
    pub(super) start_nanos: u64,
    pub(super) end_nanos: u64,
}

pub(super) enum Message {
    Span(Box<Span>),
    /// Send what there is, and end.
    Finish,
}

/// The way to the exporter, and what became of what was sent there.
#[derive(Clone)]
pub(crate) struct Spans {
    queue: Option<SyncSender<Message>>,
    pub(super) sent: Arc<AtomicU64>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl Spans {
    /// A way that leads nowhere.
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

    /// Records a request, where its trace is recorded.
    pub(crate) fn record(&self, finished: &Finished) {
        let Some(queue) = self.queue.as_ref().filter(|_| finished.ids.sampled) else {
            return;
        };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let end = clock::unix_now();
        let span = Span {
            ids: finished.ids,
            method: finished.method,
            route: finished.route,
            status: finished.status,
            cut: finished.cut,
            start_nanos: nanos(end.saturating_sub(finished.took)),
            end_nanos: nanos(end),
        };
        if queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells the exporter to end.
    pub(super) fn finish(&self) {
        if let Some(queue) = &self.queue {
            // A full queue is being emptied; the exporter also ends when nobody sends any more.
            let _ = queue.try_send(Message::Finish);
        }
    }

    /// Spans that the collector took, and those that it did not.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (
            self.sent.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}
