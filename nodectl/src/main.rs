//! Runs Kubernetes Deployments and Services on this machine's containerd, and inspects a node.

use std::process::ExitCode;

use nodectl::args::Cli;

fn main() -> ExitCode {
    nodectl::commands::main(cli::parse::<Cli>())
}
