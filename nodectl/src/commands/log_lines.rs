//! Prints a log, for `logs` with and without `-k`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::{Exit, Printer};
use serde_json::json;

use super::edge::{now_ms, stop_on_signals};
use super::error::{CommandError, Result};
use crate::args::{LogsArgs, Output};
use crate::logs::{Follower, LogLine, LogQuery, read};
use crate::play::Stop;

/// How often a followed log is read.
const POLL: Duration = Duration::from_millis(100);

/// Prints the log at `path`, and with `--follow` what is written to it until the container is restarted
/// or its pod is removed.
pub(super) async fn print_log(printer: Printer, path: &Path, args: &LogsArgs) -> Result<Exit> {
    let failed = |source| CommandError::Log {
        path: path.to_owned(),
        source,
    };
    // The follower reads everything written from now on, so no line is missed or printed twice.
    let mut follower = args
        .follow
        .then(|| Follower::at_end(path))
        .transpose()
        .map_err(failed)?;
    let query = LogQuery {
        tail: args.tail,
        since: args.since.map(|since| since.at(now_ms())),
        end: follower.as_ref().and_then(Follower::begins),
    };
    read(path, query, |line| print(printer, args, &line)).map_err(failed)?;
    let Some(follower) = &mut follower else {
        return Ok(Exit::Ok);
    };
    let mut stop = stop_on_signals(Duration::ZERO).map_err(CommandError::Signals)?;
    loop {
        // Checked before reading, so that the last lines are still printed.
        let over = is_over(path);
        for line in follower.poll().map_err(failed)? {
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

fn print(printer: Printer, args: &LogsArgs, line: &LogLine) -> io::Result<()> {
    if args.output == Output::Json {
        let object = json!({
            "stream": line.stream.as_str(),
            "text": String::from_utf8_lossy(&line.text),
            "time": line.time.to_string(),
        });
        return printer.data(&object.to_string());
    }
    let mut bytes = Vec::with_capacity(line.text.len() + 40);
    if args.timestamps {
        bytes.extend_from_slice(format!("{} ", line.time).as_bytes());
    }
    bytes.extend_from_slice(&line.text);
    bytes.push(b'\n');
    printer.data_raw(&bytes)
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
