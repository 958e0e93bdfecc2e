//! Side-by-side measurements of the programs and their peers.
//!
//! Programs are compared in one run on the same core, in alternating rounds, and the median round counts, so
//! that other load on the machine affects all of them alike. Results are JSON files under `bench/results`,
//! from which `docs/benchmarks.md` is written.
//!
//! There is a module for each measurement: its `run`, `results`, and section of the document (`markdown`), and
//! where there are any, the compared programs (`subject`, `packers`) and the `targets`.

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
