//! Prints a log, for `logs` with and without `-k`.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::{Exit, Printer};
use serde_json::json;

use super::error::{CommandError, Result};
use super::process::{now_ms, stop_on_signals};
use crate::args::{LogsArgs, Output};
use crate::logs::{Follower, LogLine, LogQuery, read};
use crate::play::Stop;
use crate::window::Tail;

/// How often a followed log is read.
const POLL: Duration = Duration::from_millis(100);

/// Why the printing of a log stopped.
enum Unprinted {
    /// The log cannot be read.
    Log(io::Error),
    /// Nothing reads standard output any more.
    Closed,
    Failed(CommandError),
}

impl From<io::Error> for Unprinted {
    fn from(error: io::Error) -> Self {
        Self::Log(error)
    }
}

/// Prints the log at `path`, and with `--follow` what is written to it until the container is restarted
/// or its pod is removed.
pub(super) async fn print_log(printer: Printer, path: &Path, args: &LogsArgs) -> Result<Exit> {
    match print_lines(printer, path, args).await {
        Ok(exit) => Ok(exit),
        Err(Unprinted::Closed) => Ok(Exit::Ok),
        Err(Unprinted::Failed(error)) => Err(error),
        Err(Unprinted::Log(source)) => Err(CommandError::Log {
            path: path.to_owned(),
            source,
        }),
    }
}

async fn print_lines(
    printer: Printer,
    path: &Path,
    args: &LogsArgs,
) -> std::result::Result<Exit, Unprinted> {
    // The follower reads everything written from now on, so no line is missed or printed twice.
    let mut follower = args.follow.then(|| Follower::at_end(path)).transpose()?;
    let query = LogQuery {
        tail: args.tail.and_then(Tail::limit),
        since: args.since.map(|since| since.at(now_ms())),
        end: follower.as_ref().and_then(Follower::begins),
    };
    read(path, query, |line| print(printer, args, &line))?;
    let Some(follower) = &mut follower else {
        return Ok(Exit::Ok);
    };
    let mut stop = stop_on_signals(Duration::ZERO)
        .map_err(|error| Unprinted::Failed(CommandError::Signals(error)))?;
    loop {
        // Checked before reading, so that the last lines are still printed.
        let over = is_over(path);
        for line in follower.poll()? {
            print(printer, args, &line)?;
        }
        if over {
            return Ok(Exit::Ok);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            _ = stop.wait_for(|stop| *stop != Stop::No) => return Ok(Exit::Interrupted),
        }
    }
}

/// Whether the log is complete: the container's next start has its own, or the pod is gone.
fn is_over(path: &Path) -> bool {
    let next = next_start(path).is_some_and(|next| next.exists());
    next || !path.parent().is_some_and(Path::exists)
}

/// The log of the start after the one that wrote `N.log`.
fn next_start(path: &Path) -> Option<PathBuf> {
    let attempt: u32 = path.file_stem()?.to_str()?.parse().ok()?;
    Some(path.with_file_name(format!("{}.log", attempt.checked_add(1)?)))
}

fn print(printer: Printer, args: &LogsArgs, line: &LogLine) -> std::result::Result<(), Unprinted> {
    let mut bytes = Vec::with_capacity(line.text.len() + 40);
    if args.output == Output::Json {
        let object = json!({
            "stream": line.stream.as_str(),
            "text": String::from_utf8_lossy(&line.text),
            "time": line.time.to_string(),
        });
        bytes.extend_from_slice(object.to_string().as_bytes());
    } else {
        if args.timestamps {
            bytes.extend_from_slice(format!("{} ", line.time).as_bytes());
        }
        bytes.extend_from_slice(&line.text);
    }
    bytes.push(b'\n');
    match printer.data_while_read(&bytes) {
        Ok(ControlFlow::Continue(())) => Ok(()),
        Ok(ControlFlow::Break(())) => Err(Unprinted::Closed),
        Err(error) => Err(Unprinted::Failed(CommandError::Stdout(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_over_when_the_next_start_has_one_or_the_pod_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let container = dir.path().join("web");
        std::fs::create_dir(&container).unwrap();
        let path = container.join("9.log");
        assert!(!is_over(&path));
        std::fs::write(container.join("10.log"), "").unwrap();
        assert!(is_over(&path));
        assert!(!is_over(&container.join("10.log")));
        std::fs::remove_dir_all(&container).unwrap();
        assert!(is_over(&container.join("10.log")));
    }
}
