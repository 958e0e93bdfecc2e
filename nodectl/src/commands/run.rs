//! From the command line to an exit code.

use std::process::ExitCode;

use cli::{Exit, Printer};

use super::error::{CommandError, Result, UsageError};
use super::{down, images, logs, node, ps, up};
use crate::args::{Cli, Command};

/// Runs a command and returns its exit code.
#[expect(clippy::disallowed_methods, reason = "TERM is read here and passed in")]
pub fn main(cli: Cli) -> ExitCode {
    let dumb = std::env::var("TERM").map_or(true, |term| term == "dumb");
    let printer = Printer::new(cli.global.progress, dumb);
    // Pods are started and probed in parallel; every other command only waits for containerd, and starts
    // faster without threads.
    let mut runtime = match cli.command {
        Command::Up(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(dispatch(printer, cli));
            // No task is left that matters; do not wait for a blocked read of standard input.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(CommandError::Runtime(error)),
    };
    cli::finish(&printer, outcome)
}

async fn dispatch(printer: Printer, cli: Cli) -> Result<Exit> {
    let global = cli.global;
    if global.kubernetes {
        return node::dispatch(printer, &global, cli.command).await;
    }
    match cli.command {
        Command::Up(args) => up::up(printer, &global, &args).await,
        Command::Down(args) => down::down(printer, &global, &args).await,
        Command::Ps(args) => ps::ps(printer, &global, args).await,
        Command::Logs(args) => logs::logs(printer, &global, &args).await,
        Command::Images(command) => images::images(printer, &global, command).await,
        Command::Pods(_) | Command::Inspect(_) | Command::Stats(_) => Err(UsageError::new(
            "this command shows the kubelet's pods and needs -k",
            Some("`nodectl ps` shows the pods of `nodectl up`"),
        )
        .into()),
    }
}
