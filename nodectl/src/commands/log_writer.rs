//! The process that containerd's shim starts to write a container's log. It is not a user command: it is
//! recognized before the command line is parsed, because it has to be small and start fast.

use std::process::ExitCode;

use crate::logs::writer::{Input, run};

/// Writes a container's log, if that is what this process was started for.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment that the shim passes is read here"
)]
pub fn log_writer() -> Option<ExitCode> {
    let of_shim = std::env::var("CONTAINER_ID").ok();
    let input = Input::parse(std::env::args_os().skip(1), of_shim)?;
    Some(match run(&input, jiff::Timestamp::now) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads its streams, so it reports only an exit code.
        Err(_) => ExitCode::FAILURE,
    })
}
