//! `ship`, the program behind `make preflight`, `deploy`, `render`, `diff`, `smoke`, `rollout-test`, `status`,
//! `node-ps` and `undeploy`; `ship url` prints the URL of a deployed service. It applies the rendered manifests
//! to a cluster, waits for the rollout, and reports why it does not complete.
//!
//! It runs kubectl and imagebuilder, as a user would, and has neither a Kubernetes nor a registry client.
//! Every command requires an explicit context.

mod args;
mod aws;
mod commands;
mod controller;
mod custom;
mod customize;
mod deploy;
mod diagnose;
mod endpoint;
mod error;
mod finalizers;
mod image;
mod image_name;
mod indent;
mod kubectl;
mod kustomize;
mod manifests;
mod node;
mod owned;
mod preflight;
mod rollback;
mod rollout_test;
mod running;
mod settling;
mod smoke;
mod snapshot;
mod undeploy;
mod wait;
mod workload;

use std::process::ExitCode;

use cli::{Printer, Progress};

pub use diagnose::{Cause, Finding, diagnose};
pub use error::RolloutTestError;
pub use kubectl::{Kubectl, KubectlError};
pub use kustomize::relative_path;
pub use rollout_test::{Losses, Step, under_load};
pub use snapshot::Snapshot;

/// The program: parses its arguments, runs the command, and reports its error.
pub fn main() -> ExitCode {
    let args = cli::parse::<args::Cli>();
    let printer = Printer::new(Progress::Plain, true);
    cli::finish(&printer, commands::run(printer, args))
}
