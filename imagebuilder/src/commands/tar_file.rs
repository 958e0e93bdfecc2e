//! Tars of images as files.

use std::io::{self, Read};
use std::path::Path;

/// Writes a tar atomically, and returns its size in bytes.
pub(super) fn write(path: &Path, mut tar: impl Read) -> io::Result<u64> {
    cli::replace_file(path, 0o644, |file| {
        let bytes = io::copy(&mut tar, file)?;
        file.sync_all()?;
        Ok(bytes)
    })
}
