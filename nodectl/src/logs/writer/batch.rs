//! Lines of a log that are written at once.

use jiff::Timestamp;

use super::losses::Dropped;
use crate::logs::Stream;
use crate::logs::line::encode;

/// Lines that are written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    lines: u64,
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

    /// The lines as the log has them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How long they are in the log.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no line.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many parts of lines there are.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// How many bytes of the container's output they are.
    pub(super) fn output_bytes(&self) -> u64 {
        self.output
    }

    /// What is missing from the log before these lines.
    pub(super) fn lost_before(&self) -> Option<&Dropped> {
        self.lost_before.as_ref()
    }

    /// Notes what is missing from the log before these lines.
    pub(super) fn set_lost_before(&mut self, lost: Option<Dropped>) {
        self.lost_before = lost;
    }
}
