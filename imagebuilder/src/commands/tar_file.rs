//! Tars of images as files.

use std::io;
use std::path::Path;

use oci::archive::Archive;
use oci::copy::Source;

/// Writes a tar under its name when it is whole, and returns its size in bytes.
pub(super) fn write<S: Source>(path: &Path, archive: &Archive<'_, S>) -> io::Result<u64> {
    cli::replace_file(path, 0o644, |file| {
        let bytes = io::copy(&mut archive.reader(), file)?;
        file.sync_all()?;
        Ok(bytes)
    })
}
