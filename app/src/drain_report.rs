//! The result of the drain, saved in the container's termination message and in the data directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
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

/// Reads the result of the previous process from the data directory.
pub(crate) fn read_last(directory: &Path) -> Option<DrainResult> {
    parse(&fs::read_to_string(directory.join(FILE)).ok()?)
}

/// Writes the container's termination message.
pub(crate) fn write_message(result: DrainResult) {
    // Never created: outside a pod there is no such file, and the service creates nothing in /dev.
    if let Ok(mut file) = OpenOptions::new().write(true).open(TERMINATION_LOG) {
        let _ = file.write_all(format!("drained: {}", text(result)).as_bytes());
    }
}

/// Saves the result in the data directory.
///
/// # Errors
/// If the file cannot be written or renamed.
pub(crate) fn save(result: DrainResult, directory: &Path) -> io::Result<()> {
    let beside = directory.join(format!("{FILE}.new"));
    fs::write(&beside, text(result))?;
    fs::rename(&beside, directory.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_result_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_last(directory.path()), None);
        for result in [DrainResult::Complete, DrainResult::Cut(3)] {
            save(result, directory.path()).unwrap();
            assert_eq!(read_last(directory.path()), Some(result));
        }
    }
}
