//! One file for each command; the edge, where the clock, the environment and the streams are accessed.

mod choose;
mod down;
mod edge;
mod error;
mod images;
mod log_lines;
mod log_writer;
mod logs;
mod node;
mod node_logs;
mod ps;
mod run;
mod screen;
mod table;
mod up;

pub(crate) use error::CommandError;
#[cfg(test)]
pub(crate) use error::UsageError;
pub use log_writer::log_writer;
pub use run::main;
