//! The thread that writes lines, and its queue.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::line::RequestLine;

/// Capacity of the queue in lines: two seconds at the default rate.
const QUEUE: usize = 2048;

/// Bytes that are collected before they are written.
const BATCH_BYTES: usize = 32 * 1024;

/// How long the thread sleeps after a write, so that lines in quick succession cost one wake-up
/// and one write together.
const REST: Duration = Duration::from_millis(10);

/// How long the exit of the process waits for the last lines to be written.
const FLUSH: Duration = Duration::from_secs(1);

enum Message {
    Event(Vec<u8>),
    Request(Box<RequestLine>),
    Flush(SyncSender<()>),
}

/// The queue of the thread.
#[derive(Clone)]
pub(crate) struct Logs {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Logs {
    /// Starts the thread, which writes to `sink` and stops when the last [`Logs`] is dropped.
    pub(crate) fn start(sink: impl Write + Send + 'static, json: bool) -> io::Result<Self> {
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || write_all(&messages, sink, json))?;
        Ok(Self {
            queue,
            dropped: Arc::default(),
        })
    }

    /// Queues a request's line; `false` if the queue is full.
    pub(crate) fn request(&self, line: RequestLine) -> bool {
        self.queue
            .try_send(Message::Request(Box::new(line)))
            .is_ok()
    }

    /// Other lines that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything queued so far is written, or for a second.
    pub(crate) fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        let mut message = Message::Flush(done);
        // The thread is emptying a full queue, unless the reader of stderr has stopped.
        for _ in 0..100 {
            match self.queue.try_send(message) {
                Ok(()) => {
                    let _ = wait.recv_timeout(FLUSH);
                    return;
                }
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            std::thread::sleep(FLUSH / 100);
        }
    }
}

fn write_all(messages: &Receiver<Message>, mut sink: impl Write, json: bool) {
    let mut batch = Vec::with_capacity(4096);
    while let Ok(first) = messages.recv() {
        let mut flushed = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Event(line) => batch.extend(line),
                Message::Request(line) => {
                    batch.extend(if json { line.json() } else { line.text() });
                }
                Message::Flush(done) => flushed.push(done),
            }
            next = if batch.len() < BATCH_BYTES {
                messages.try_recv().ok()
            } else {
                None
            };
        }
        // There is nowhere to report that stderr is gone.
        let _ = sink.write_all(&batch).and_then(|()| sink.flush());
        batch.clear();
        if flushed.is_empty() {
            std::thread::sleep(REST);
        }
        for done in flushed {
            let _ = done.try_send(());
        }
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = EventWriter;

    fn make_writer(&'a self) -> EventWriter {
        EventWriter(self.clone())
    }
}

/// Queues one formatted event.
pub(crate) struct EventWriter(Logs);

impl Write for EventWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self
            .0
            .queue
            .try_send(Message::Event(bytes.to_vec()))
            .is_err()
        {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A sink that can be inspected and blocked.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flush_writes_all_queued_lines() {
        let sink = Sink::default();
        let logs = Logs::start(sink.clone(), true).unwrap();
        for _ in 0..100 {
            logs.make_writer().write_all(b"line\n").unwrap();
        }
        logs.flush();
        assert_eq!(sink.0.lock().unwrap().len(), 500);
        assert_eq!(logs.dropped(), 0);
    }

    #[test]
    fn a_blocked_sink_drops_lines_and_blocks_no_caller() {
        let sink = Sink::default();
        let logs = Logs::start(sink.clone(), true).unwrap();
        let held = sink.0.lock().unwrap();
        let begun = std::time::Instant::now();
        for _ in 0..10 * QUEUE {
            logs.make_writer().write_all(b"line\n").unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
        // What waits in the queue and in the batch is not lost.
        assert!(logs.dropped() >= 5 * QUEUE as u64, "{}", logs.dropped());
        drop(held);
    }
}
