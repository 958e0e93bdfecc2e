//! The command line: `arguments.rs` has all of it but the options of each measurement, which have a file each.

mod app;
mod arguments;
mod balancer;
mod failed;
mod image;
mod node;
mod peers;
mod places;
mod registry;
mod rollout;
mod run;

pub use run::main;
