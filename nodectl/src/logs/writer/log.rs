//! A log that goes on when its disk is full: what cannot be written is dropped and counted.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::rotate::Rotated;
use crate::logs::Stream;
use crate::logs::line::encode;

/// How often a log that goes on dropping is reported.
const REPORT_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// What was dropped since the log could last be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Parts of lines.
    pub lines: u64,
    /// Bytes that the container wrote.
    pub bytes: u64,
    /// Why it could not be written.
    pub reason: String,
    /// The log is written again.
    pub over: bool,
}

/// Lines that are written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    written: u64,
}

impl Batch {
    pub(super) fn push(&mut self, time: Timestamp, stream: Stream, tag: char, text: &[u8]) {
        encode(&mut self.bytes, time, stream, tag, text);
        self.lines += 1;
        self.written += text.len() as u64 + u64::from(tag == 'F');
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lines = 0;
        self.written = 0;
    }
}

/// A log and what is missing from it.
pub(super) struct Log<R> {
    files: Rotated,
    dropped: Option<Dropped>,
    reported: Timestamp,
    report: R,
}

impl<R: FnMut(&Dropped)> Log<R> {
    /// The log at `path`; `report` is called at the first loss, every ten seconds while it lasts, and at
    /// the end of it.
    pub(super) fn new(path: &Path, max_bytes: u64, max_files: usize, report: R) -> Self {
        Self {
            files: Rotated::new(path, max_bytes, max_files),
            dropped: None,
            reported: Timestamp::MIN,
            report,
        }
    }

    /// Writes the lines, or drops them, and empties the batch.
    pub(super) fn write(&mut self, batch: &mut Batch, now: Timestamp) {
        if batch.lines == 0 {
            return;
        }
        match self.try_write(batch, now) {
            Ok(()) => {
                if let Some(mut dropped) = self.dropped.take() {
                    dropped.over = true;
                    (self.report)(&dropped);
                    self.reported = Timestamp::MIN;
                }
            }
            Err(error) => self.drop_batch(batch, &error, now),
        }
        batch.clear();
    }

    fn try_write(&mut self, batch: &Batch, now: Timestamp) -> io::Result<()> {
        let Some(dropped) = &self.dropped else {
            return self.files.append(&batch.bytes, now);
        };
        let note = format!(
            "[nodectl: {} lines ({} bytes) were dropped here: {}]",
            dropped.lines, dropped.bytes, dropped.reason
        );
        let mut bytes = Vec::with_capacity(batch.bytes.len() + 256);
        encode(&mut bytes, now, Stream::Stderr, 'F', note.as_bytes());
        bytes.extend_from_slice(&batch.bytes);
        self.files.append(&bytes, now)
    }

    fn drop_batch(&mut self, batch: &Batch, error: &io::Error, now: Timestamp) {
        let dropped = self.dropped.get_or_insert_default();
        dropped.lines += batch.lines;
        dropped.bytes += batch.written;
        dropped.reason = error.to_string();
        if now.duration_since(self.reported) >= REPORT_EVERY {
            (self.report)(dropped);
            self.reported = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_written_is_dropped_counted_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("0.log");
        let reports = RefCell::new(Vec::new());
        let mut log = Log::new(&path, 1000, 2, |dropped: &Dropped| {
            reports.borrow_mut().push(dropped.clone());
        });
        let write = |log: &mut Log<_>, second: i64, text: &str| {
            let now = Timestamp::from_second(second).unwrap();
            let mut batch = Batch::default();
            batch.push(now, Stream::Stdout, 'F', text.as_bytes());
            log.write(&mut batch, now);
            assert_eq!(batch.lines, 0);
        };
        for second in 0..12 {
            write(&mut log, second, "lost");
        }
        fs::create_dir(dir.path().join("gone")).unwrap();
        write(&mut log, 12, "kept");
        write(&mut log, 13, "kept too");
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[0].contains("stderr F [nodectl: 12 lines (60 bytes) were dropped here: No such"),
            "{text}"
        );
        assert!(lines[2].ends_with("stdout F kept too"), "{text}");
        let reported: Vec<_> = reports
            .borrow()
            .iter()
            .map(|dropped| (dropped.lines, dropped.bytes, dropped.over))
            .collect();
        assert_eq!(reported, [(1, 5, false), (11, 55, false), (12, 60, true)]);
    }
}
