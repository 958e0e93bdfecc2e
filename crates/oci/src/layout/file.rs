//! Files that are written atomically.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::LayoutError;

/// Replaces a file of the layout atomically.
pub(super) fn replace_file(ingest: &Path, path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    // The caller holds the exclusive lock, so no other process cleans up meanwhile.
    let mut file = new_file(ingest)?;
    file.write_all(bytes)
        .map_err(io_error("write", file.path()))?;
    persist(file, path)
}

/// A new file in the directory `ingest`.
pub(super) fn new_file(ingest: &Path) -> Result<NamedTempFile, LayoutError> {
    tempfile::Builder::new()
        .prefix("")
        // With tempfile's default mode of 0600, other users, such as that of containerd, could not read it.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(ingest)
        .map_err(io_error("write in", ingest))
}

/// Gives a file its name once its bytes are on disk. The rename is on disk, too, when this returns.
///
/// An existing blob is replaced: it has the same bytes, unless it was damaged.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> Result<(), LayoutError> {
    file.as_file().sync_all().map_err(io_error("write", path))?;
    file.persist(path)
        .map_err(|error| io_error("write", path)(error.error))?;
    let directory = path
        .parent()
        .expect("every file of a layout is in a directory");
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("write", directory))
}

pub(super) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.to_owned();
    move |source| LayoutError::Io {
        operation,
        path,
        source,
    }
}
