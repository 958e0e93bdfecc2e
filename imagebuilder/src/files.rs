//! Files that are written atomically, and whether two paths refer to the same one.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Writes a file with these permissions, as [`cli::replace_file`].
///
/// # Errors
/// As the file system's.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    cli::replace_file(path, mode, |file| file.write_all(bytes))
}

/// Replaces an existing file and keeps its permissions; if it is a link, replaces its target.
///
/// # Errors
/// As the file system's.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = path.canonicalize()?;
    let mode = fs::metadata(&path)?.permissions().mode() & 0o7777;
    replace(&path, bytes, mode)
}

/// Whether two paths refer to the same file or directory.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        fs::metadata(path)
            .ok()
            .map(|found| (found.dev(), found.ino()))
    };
    one == other || identity(one).is_some_and(|one| Some(one) == identity(other))
}
