//! The commands, and the way from the command line to one of them.

mod build;
mod images;
mod push;
mod read;
mod resolve;
mod run;

pub use run::main;
