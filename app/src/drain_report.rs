//! How a drain ended, where others can find it after the process is gone: the container's
//! termination message and the data directory.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::lifecycle::DrainResult;

/// Kubernetes shows this file's content as the last state's message
/// (`terminationMessagePath`, its default).
const TERMINATION_LOG: &str = "/dev/termination-log";

const FILE: &str = "last-drain";

fn text(result: DrainResult) -> String {
    match result {
        DrainResult::Complete => "cut 0\n".to_owned(),
        DrainResult::Cut(cut) => format!("cut {cut}\n"),
    }
}

fn parse(text: &str) -> Option<DrainResult> {
    match text.trim().strip_prefix("cut ")?.parse().ok()? {
        0 => Some(DrainResult::Complete),
        cut => Some(DrainResult::Cut(cut)),
    }
}

/// Reads what the last process left in the data directory.
pub(crate) fn read_last(directory: &Path) -> Option<DrainResult> {
    parse(&fs::read_to_string(directory.join(FILE)).ok()?)
}

/// Leaves the result behind. It is a courtesy: nothing waits for it, and nothing fails with it.
pub(crate) fn leave(result: DrainResult, directory: Option<&Path>) {
    // Never created: outside a pod there is no such file, and /dev is not ours.
    if let Ok(mut file) = OpenOptions::new().write(true).open(TERMINATION_LOG) {
        let _ = file.write_all(format!("drained: {}", text(result)).as_bytes());
    }
    if let Some(directory) = directory {
        let beside = directory.join(format!("{FILE}.new"));
        let written = fs::write(&beside, text(result))
            .and_then(|()| fs::rename(&beside, directory.join(FILE)));
        if let Err(error) = written {
            tracing::warn!(%error, "the drain's result is not saved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_reads_what_this_one_left() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_last(directory.path()), None);
        for result in [DrainResult::Complete, DrainResult::Cut(3)] {
            leave(result, Some(directory.path()));
            assert_eq!(read_last(directory.path()), Some(result));
        }
    }
}
