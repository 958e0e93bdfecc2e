//! The queue between the thread that reads a container's output and the one that writes its log.
//!
//! A slow disk blocks the container, as any log would; a disk that hangs blocks it once, and then lines
//! are dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::batch::Batch;
use super::losses::{Losses, OnLoss};

/// The most bytes that may wait for the disk.
const MAX_BYTES: usize = 1 << 20;

/// How long a disk that hangs may block the container: shorter than probes' timeouts.
const STALL: Duration = Duration::from_secs(2);

/// Batches on their way to the disk.
pub(super) struct Queue {
    max_bytes: usize,
    stall: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    bytes: usize,
    closed: bool,
    /// All batches were written, after the queue was closed.
    done: bool,
}

impl State {
    fn has_room(&self, batch: &Batch, max_bytes: usize) -> bool {
        self.batches.is_empty() || self.bytes + batch.len() <= max_bytes
    }
}

impl Queue {
    pub(super) fn new() -> Self {
        Self::with_limits(MAX_BYTES, STALL)
    }

    fn with_limits(max_bytes: usize, stall: Duration) -> Self {
        Self {
            max_bytes,
            stall,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The next batch; `None` once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<Batch> {
        let state = self.changed.wait_while(self.lock(), |state| {
            state.batches.is_empty() && !state.closed
        });
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let batch = state.batches.pop_front();
        match &batch {
            Some(batch) => state.bytes -= batch.len(),
            None => state.done = true,
        }
        drop(state);
        self.changed.notify_all();
        batch
    }

    /// Closes the queue: nothing is pushed from now on. Waits until everything is written, at most for `limit`.
    pub(super) fn close(&self, limit: Duration) {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(state, limit, |state| !state.done);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No holder of the lock leaves it inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reader's end of a queue.
pub(super) struct Pusher {
    queue: Arc<Queue>,
    losses: Losses,
    /// The disk has hung for too long, so it is not waited for.
    stalled: bool,
}

impl Pusher {
    pub(super) fn new(queue: Arc<Queue>, report: OnLoss) -> Self {
        Self {
            queue,
            losses: Losses::new(report),
            stalled: false,
        }
    }

    /// Passes a batch on to the disk and leaves an empty one; drops it if the disk hangs.
    pub(super) fn push(&mut self, batch: &mut Batch, now: Timestamp) {
        if batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(batch);
        let Queue {
            max_bytes, stall, ..
        } = *self.queue;
        let queue = Arc::clone(&self.queue);
        let mut state = queue.lock();
        if !self.stalled && !state.has_room(&batch, max_bytes) {
            let full = |state: &mut State| !state.has_room(&batch, max_bytes);
            let waited = queue.changed.wait_timeout_while(state, stall, full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.stalled = !state.has_room(&batch, max_bytes);
        if self.stalled {
            drop(state);
            let reason = format!("the disk has accepted nothing for {} s", stall.as_secs());
            return self.losses.add(&batch.dropped(reason), now);
        }
        batch.set_lost_before(self.losses.take());
        state.bytes += batch.len();
        state.batches.push_back(batch);
        drop(state);
        queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Stream;
    use crate::logs::writer::losses::Dropped;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn batch(text: &str) -> Batch {
        let mut batch = Batch::default();
        batch.push(NOW, Stream::Stdout, 'F', text.as_bytes());
        batch
    }

    fn queue(max_bytes: usize, stall: Duration) -> (Arc<Queue>, Pusher, Arc<Mutex<Vec<u64>>>) {
        let queue = Arc::new(Queue::with_limits(max_bytes, stall));
        let reports = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&reports);
        let report = move |dropped: &Dropped| reported.lock().unwrap().push(dropped.lines);
        let pusher = Pusher::new(Arc::clone(&queue), Arc::new(report));
        (queue, pusher, reports)
    }

    #[test]
    fn a_disk_that_hangs_drops_what_the_queue_cannot_hold() {
        let length = batch("1").len();
        let (queue, mut pusher, reports) = queue(2 * length, Duration::ZERO);
        for text in ["1", "2", "3", "4"] {
            pusher.push(&mut batch(text), NOW);
        }
        assert_eq!(queue.pop().unwrap().lost_before(), None);
        pusher.push(&mut batch("5"), NOW);
        // It returns although nothing is written.
        queue.close(Duration::ZERO);
        assert_eq!(queue.pop().unwrap().lost_before(), None);
        let written = queue.pop().unwrap();
        let lost = written.lost_before().unwrap();
        assert_eq!((lost.lines, lost.bytes), (2, 4));
        assert!(
            lost.reason.contains("the disk has accepted nothing"),
            "{lost:?}"
        );
        assert!(queue.pop().is_none());
        assert_eq!(*reports.lock().unwrap(), [1], "at the first loss");
    }

    #[test]
    fn a_slow_disk_drops_nothing() {
        let (queue, mut pusher, reports) = queue(1, Duration::from_mins(1));
        let disk = Arc::clone(&queue);
        let slow = std::thread::spawn(move || std::iter::from_fn(|| disk.pop()).count());
        for number in 0..1000 {
            pusher.push(&mut batch(&number.to_string()), NOW);
        }
        queue.close(Duration::from_mins(1));
        assert_eq!(slow.join().unwrap(), 1000);
        assert!(reports.lock().unwrap().is_empty());
    }

    #[test]
    fn a_batch_larger_than_the_queue_passes_through_it_alone() {
        let (queue, mut pusher, _) = queue(1, Duration::ZERO);
        pusher.push(&mut batch("large"), NOW);
        pusher.push(&mut Batch::default(), NOW);
        queue.close(Duration::ZERO);
        assert!(queue.pop().is_some());
        assert!(queue.pop().is_none());
    }
}
