//! The sample service: says hello on a public port, and never loses a request behind a load
//! balancer. `docs/ARCHITECTURE.md` is the map; [`run`] is the way in for a test.

mod build;
pub mod cidr;
mod cli;
mod client;
mod clock;
mod drain;
mod edge;
pub mod faults;
mod greeting;
mod lifecycle;
mod load;
mod logs;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod probe;
mod problem;
mod request_id;
mod routes;
mod server;
mod service;
pub mod settings;
mod shared;
mod trace;
mod url;
mod visits;

pub use cli::main;
pub use edge::proxy;
pub use lifecycle::{DrainResult, State};
pub use server::{Bound, ServeError, run};
