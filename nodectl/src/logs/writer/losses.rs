//! The losses of a log, counted and reported at a bounded rate.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How often a log that keeps losing lines is reported.
const REPORT_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// The lines dropped since the log was last writable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Parts of lines.
    pub lines: u64,
    /// Bytes that the container wrote.
    pub bytes: u64,
    /// Why it could not be written.
    pub reason: String,
    /// Whether the log is writable again.
    pub over: bool,
}

/// Receives the loss so far.
pub(super) type OnLoss = Arc<dyn Fn(&Dropped) + Send + Sync>;

/// Counts what is dropped.
pub(super) struct Losses {
    dropped: Option<Dropped>,
    reported: Timestamp,
    report: OnLoss,
}

impl Losses {
    /// Starts without a loss; `report` is called at the first one, every ten seconds while it lasts, and at
    /// its end.
    pub(super) fn new(report: OnLoss) -> Self {
        Self {
            dropped: None,
            reported: Timestamp::MIN,
            report,
        }
    }

    /// Counts dropped lines, and reports them.
    pub(super) fn add(&mut self, lost: &Dropped, now: Timestamp) {
        self.merge(lost);
        if let Some(dropped) = &self.dropped
            && now.duration_since(self.reported) >= REPORT_EVERY
        {
            (self.report)(dropped);
            self.reported = now;
        }
    }

    /// Counts lines that were dropped and reported elsewhere.
    pub(super) fn merge(&mut self, lost: &Dropped) {
        let dropped = self.dropped.get_or_insert_default();
        dropped.lines += lost.lines;
        dropped.bytes += lost.bytes;
        dropped.reason.clone_from(&lost.reason);
    }

    /// The loss so far.
    pub(super) fn get(&self) -> Option<&Dropped> {
        self.dropped.as_ref()
    }

    /// Takes the loss so far, for the caller to note in the log.
    pub(super) fn take(&mut self) -> Option<Dropped> {
        self.reported = Timestamp::MIN;
        self.dropped.take()
    }

    /// Ends the loss: the log is writable again, and notes what is missing.
    pub(super) fn end(&mut self) {
        if let Some(mut dropped) = self.take() {
            dropped.over = true;
            (self.report)(&dropped);
        }
    }
}
