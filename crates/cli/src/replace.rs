//! Atomic replacement of files.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Creates a file with these permissions from what `write` writes, or replaces it, and creates its
/// directory. A reader sees either the old or the new content, also after a failure.
///
/// # Errors
/// Those of the file system, and of `write`.
pub fn replace_file<T>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let mut file = temporary(path, mode)?;
    let written = write(file.as_file_mut())?;
    file.persist(path)?;
    Ok(written)
}

/// Checks that [`replace_file`] could write a file, and leaves nothing but the directory that it would create. What
/// takes long to compute need not be computed where it cannot be written.
///
/// # Errors
/// As [`replace_file`].
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    temporary(path, 0o600).map(drop)
}

/// A file beside `path`, which disappears unless it is renamed.
fn temporary(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/file");
        replace_file(&path, 0o640, |file| file.write_all(b"old")).unwrap();
        let failed: io::Result<()> = replace_file(&path, 0o640, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace_file(&path, 0o640, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_is_known_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        check_replaceable(&path("new/file")).unwrap();
        assert_eq!(fs::read_dir(path("new")).unwrap().count(), 0);
        fs::write(path("file"), "").unwrap();
        check_replaceable(&path("file")).unwrap();
        for (name, kind) in [
            ("new", io::ErrorKind::IsADirectory),
            ("file/x", io::ErrorKind::AlreadyExists),
        ] {
            let error = check_replaceable(&path(name)).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}");
        }
    }
}
