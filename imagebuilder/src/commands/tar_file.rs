//! Tars of images as files.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use oci::archive::Archive;
use oci::copy::Source;

/// Writes a tar under its name when it is whole, and returns its size in bytes.
pub(super) fn write<S: Source>(path: &Path, archive: &Archive<'_, S>) -> io::Result<u64> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    let bytes = io::copy(&mut archive.reader(), &mut file)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(bytes)
}
