//! `ship`: what `make deploy`, `diff`, `render`, `smoke`, `rollout-test`, `status`, `node-ps` and
//! `undeploy` run. It applies the rendered manifests to a cluster, waits until they are rolled out,
//! and reports why when a rollout does not complete.
//!
//! It runs kubectl and imagebuilder, as a person would by hand, and knows neither Kubernetes' API
//! nor a registry. Every command names the context it acts on.

mod args;
mod aws;
mod commands;
mod custom;
mod customize;
mod deploy;
mod diagnose;
mod endpoint;
mod error;
mod finalizers;
mod image;
mod image_name;
mod kubectl;
mod kustomize;
mod manifests;
mod node;
mod owned;
mod preflight;
mod rollback;
mod rollout_test;
mod running;
mod smoke;
mod snapshot;
mod undeploy;
mod wait;

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
