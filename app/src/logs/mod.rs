//! Log lines: text on a terminal, JSON elsewhere, on stderr, written by a thread of their own. Logging
//! never waits: a line that finds the queue full is dropped and counted.

mod format;
mod line;
mod subscriber;
mod writer;

pub use format::LogFormat;
pub(crate) use line::RequestLine;
pub(crate) use subscriber::{Filter, check_filter, start};
pub(crate) use writer::Logs;
