//! One file for each command: here the clock, the environment and the streams are accessed.

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
