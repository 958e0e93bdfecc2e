//! A log that continues when its disk is full: lines that cannot be written are dropped and counted.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::batch::Batch;
use super::losses::{Losses, OnLoss};
use super::rotate::Rotated;
use crate::logs::Stream;
use crate::logs::line::encode;

/// A log and its losses.
pub(super) struct Log {
    files: Rotated,
    losses: Losses,
}

impl Log {
    /// The log at `path`.
    pub(super) fn new(path: &Path, max_bytes: u64, max_files: usize, report: OnLoss) -> Self {
        Self {
            files: Rotated::new(path, max_bytes, max_files),
            losses: Losses::new(report),
        }
    }

    /// Writes the lines, or drops them.
    pub(super) fn write(&mut self, batch: &Batch, now: Timestamp) {
        if let Some(lost) = batch.lost_before() {
            self.losses.merge(lost);
        }
        if batch.is_empty() {
            return;
        }
        match self.try_write(batch, now) {
            Ok(()) => self.losses.end(),
            Err(error) => self.losses.add(&batch.dropped(error.to_string()), now),
        }
    }

    fn try_write(&mut self, batch: &Batch, now: Timestamp) -> io::Result<()> {
        let Some(dropped) = self.losses.get() else {
            return self.files.append(batch.bytes(), now);
        };
        let note = format!(
            "[nodectl: {} lines ({} bytes) were dropped here: {}]",
            dropped.lines, dropped.bytes, dropped.reason
        );
        let mut bytes = Vec::with_capacity(batch.len() + 256);
        encode(&mut bytes, now, Stream::Stderr, 'F', note.as_bytes());
        bytes.extend_from_slice(batch.bytes());
        self.files.append(&bytes, now)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::logs::writer::losses::Dropped;

    #[test]
    fn lines_that_cannot_be_written_are_dropped_counted_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("0.log");
        let reports = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&reports);
        let report = move |dropped: &Dropped| reported.lock().unwrap().push(dropped.clone());
        let mut log = Log::new(&path, 1000, 2, Arc::new(report));
        let write = |log: &mut Log, second: i64, text: &str, lost: Option<Dropped>| {
            let now = Timestamp::from_second(second).unwrap();
            let mut batch = Batch::default();
            batch.push(now, Stream::Stdout, 'F', text.as_bytes());
            batch.set_lost_before(lost);
            log.write(&batch, now);
        };
        for second in 0..12 {
            write(&mut log, second, "lost", None);
        }
        fs::create_dir(dir.path().join("gone")).unwrap();
        write(&mut log, 12, "kept", None);
        write(&mut log, 13, "kept too", None);
        let lost = Dropped {
            lines: 3,
            bytes: 30,
            reason: "slow".to_owned(),
            over: false,
        };
        write(&mut log, 14, "kept at last", Some(lost));
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(
            lines[0].contains("stderr F [nodectl: 12 lines (60 bytes) were dropped here: No such"),
            "{text}"
        );
        assert!(lines[2].ends_with("stdout F kept too"), "{text}");
        let elsewhere = "stderr F [nodectl: 3 lines (30 bytes) were dropped here: slow]";
        assert!(lines[3].ends_with(elsewhere), "{text}");
        let reported: Vec<_> = reports
            .lock()
            .unwrap()
            .iter()
            .map(|dropped| (dropped.lines, dropped.bytes, dropped.over))
            .collect();
        assert_eq!(
            reported,
            [
                (1, 5, false),
                (11, 55, false),
                (12, 60, true),
                (3, 30, true)
            ]
        );
    }
}
