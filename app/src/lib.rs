//! The sample service: says hello on a public port, and never loses a request behind a load
//! balancer. `docs/ARCHITECTURE.md` is the map; [`run`] is the way in for a test.

pub mod cidr;
mod cli;
mod greeting;
mod lifecycle;
mod logs;
mod problem;
mod routes;
mod server;
pub mod settings;
mod url;

pub use cli::main;
pub use lifecycle::{DrainResult, Lifecycle, State};
pub use server::{Bound, ServeError, run};
