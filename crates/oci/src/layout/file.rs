//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::LayoutError;

/// Replaces a file of the layout, whole or not at all.
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
        // tempfile's own 0600 would keep other users, such as a containerd's, from reading.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(ingest)
        .map_err(io_error("write in", ingest))
}

/// Gives a file its name, after its bytes are on disk and before this returns.
///
/// A blob that is already there is replaced: it has the same bytes, unless it was damaged.
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
