//! Runs Kubernetes Deployments and Services on this machine's containerd, and inspects a node.

use std::process::ExitCode;

use nodectl::args::Cli;

fn main() -> ExitCode {
    if let Some(exit) = nodectl::commands::log_writer() {
        return exit;
    }
    nodectl::commands::main(cli::parse::<Cli>())
}
