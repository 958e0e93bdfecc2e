//! Log lines: text on a terminal, JSON elsewhere, on stderr, written by a thread of their own. Logging
//! never blocks: a line is dropped and counted if the queue is full.
//!
//! `line` is that of a request, `subscriber` has the filter and the formats of events, and `writer` the queue
//! and the thread.

mod format;
mod line;
mod subscriber;
mod writer;

pub use format::LogFormat;
pub(crate) use line::RequestLine;
pub(crate) use subscriber::{Filter, check_filter, start};
pub(crate) use writer::Logs;
