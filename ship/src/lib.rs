//! `ship`: what `make deploy`, `smoke`, `rollout-test`, `status` and `undeploy` run. It takes the
//! rendered manifests to a cluster, waits, and says why where a rollout does not come up.
//!
//! It drives kubectl and imagebuilder, as a person would by hand, and knows neither Kubernetes' API
//! nor a registry. Every command names the context it acts on.

mod args;
mod classify;
mod commands;
mod deploy;
mod diagnose;
mod kubectl;
mod manifests;
mod rollout_test;
mod running;
mod smoke;
mod snapshot;
mod wait;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Printer, Progress};

pub use diagnose::{Cause, Finding, diagnose};
pub use kubectl::Kubectl;
pub use rollout_test::{Losses, Step, under_load};
pub use snapshot::Snapshot;

/// The program: reads its arguments, runs, and reports.
pub fn main() -> ExitCode {
    let args = args::Cli::parse();
    let printer = Printer::new(Progress::Plain, true);
    cli::exit_code(&printer, commands::run(printer, args), classify::classify)
}
