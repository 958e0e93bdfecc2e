//! Side-by-side measurements of the programs and their peers.
//!
//! Programs are compared in one run on the same core, in alternating rounds, and the median round counts, so
//! that other load on the machine affects all of them alike. Results are JSON files under `bench/results`,
//! from which `docs/benchmarks.md` is written.

mod app;
mod balancer;
mod command;
mod document;
mod image;
mod machine;
mod node;
mod process;
mod registry;
mod rollout;
mod series;
mod server;
mod size;
mod spread;
mod target;

pub use command::main;
