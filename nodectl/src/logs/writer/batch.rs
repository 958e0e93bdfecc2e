//! Lines of a log that are written together.

use jiff::Timestamp;

use super::losses::Dropped;
use crate::logs::Stream;
use crate::logs::line::encode;

/// Lines that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    /// Bytes of the container's output.
    output: u64,
    lost_before: Option<Dropped>,
}

impl Batch {
    /// Adds a part of a line.
    pub(super) fn push(&mut self, time: Timestamp, stream: Stream, tag: char, text: &[u8]) {
        encode(&mut self.bytes, time, stream, tag, text);
        self.lines += 1;
        self.output += text.len() as u64 + u64::from(tag == 'F');
    }

    /// The lines, encoded for the log.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Their length in the log.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no line.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// The loss if these lines are dropped.
    pub(super) fn dropped(&self, reason: String) -> Dropped {
        Dropped {
            lines: self.lines,
            bytes: self.output,
            reason,
            over: false,
        }
    }

    /// The loss before these lines.
    pub(super) fn lost_before(&self) -> Option<&Dropped> {
        self.lost_before.as_ref()
    }

    /// Notes the loss before these lines.
    pub(super) fn set_lost_before(&mut self, lost: Option<Dropped>) {
        self.lost_before = lost;
    }
}
