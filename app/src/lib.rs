//! The sample service: answers with a greeting on a public port, and never loses a request behind a load
//! balancer. `docs/ARCHITECTURE.md` is the map; [`run`] is the way in for a test.

mod admin;
mod background;
mod build_info;
mod canned;
pub mod cidr;
mod cli;
mod client_address;
mod clock;
mod close_reason;
mod drain_report;
mod edge;
pub mod faults;
mod greeting;
mod lifecycle;
mod logs;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod probe;
mod problem;
mod request_id;
mod routes;
mod run_time;
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
