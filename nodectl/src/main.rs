//! Plays Kubernetes Deployments and Services on this machine's containerd.

use std::process::ExitCode;

use clap::Parser as _;
use nodectl::args::Cli;

fn main() -> ExitCode {
    nodectl::commands::main(Cli::parse())
}
