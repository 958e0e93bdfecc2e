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

/// Identifies a file or directory among those that exist: its device and inode.
pub(crate) type FileId = (u64, u64);

/// The identity of what a path refers to, if that can be found.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Whether two paths refer to the same file or directory.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other || file_id(one).is_some_and(|one| Some(one) == file_id(other))
}
