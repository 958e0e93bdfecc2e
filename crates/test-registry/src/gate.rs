//! Stops reading at a chosen byte, so that a test can act at a moment that is the same on every
//! machine.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often a stopped reader checks whether it may continue.
const POLL: Duration = Duration::from_millis(1);

/// How many bytes all connections have read, and the limit.
#[derive(Debug)]
pub(super) struct Gate {
    read: AtomicU64,
    limit: AtomicU64,
    stopped: AtomicBool,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            read: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
        }
    }
}

impl Gate {
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }

    pub(super) fn stop_after(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::SeqCst);
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) {
        self.limit.store(u64::MAX, Ordering::SeqCst);
    }
}

/// A connection that reads through the gate.
pub(super) struct Gated<R> {
    pub(super) inner: R,
    pub(super) gate: Arc<Gate>,
}

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let limit = self.gate.limit.load(Ordering::SeqCst);
            let left = limit.saturating_sub(self.gate.bytes_read());
            if left > 0 {
                let most = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                let count = self.inner.read(&mut buffer[..most])?;
                self.gate.read.fetch_add(count as u64, Ordering::SeqCst);
                return Ok(count);
            }
            self.gate.stopped.store(true, Ordering::SeqCst);
            thread::sleep(POLL);
        }
    }
}
