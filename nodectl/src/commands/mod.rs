//! One file for each command: here the clock, the environment and the streams are accessed.
//!
//! `node` and `node_logs` are those with `-k`, `log_writer` is the process that writes a log, `screen` the display
//! of `up`, `table` prints tables, and `process` has the signals and limits.

mod choose;
mod down;
mod error;
mod images;
mod log_lines;
mod log_writer;
mod logs;
mod node;
mod node_logs;
mod process;
mod ps;
mod run;
mod screen;
mod stdout;
mod table;
mod up;

pub(crate) use error::CommandError;
#[cfg(test)]
pub(crate) use error::UsageError;
pub use log_writer::log_writer;
pub use run::main;
