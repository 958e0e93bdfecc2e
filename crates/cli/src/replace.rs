//! Atomic replacement of files.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::NamedTempFile;

/// Creates a file with these permissions from what `write` writes, or replaces it, and creates its
/// directory. A reader sees either the old or the new content, also after a failure. If `path` is a link, its
/// target is replaced.
///
/// # Errors
/// Those of the file system, and of `write`; also if there is something other than a file, such as a device.
pub fn replace_file<T>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let path = replaced(path)?;
    let mut file = Draft::beside(&path, mode)?;
    let written = write(file.file())?;
    file.persist(&path)?;
    Ok(written)
}

/// Checks that [`replace_file`] could write a file, and leaves nothing but the directory that it would create.
/// Content that takes long to compute need not be computed if it cannot be written.
///
/// # Errors
/// As [`replace_file`].
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    Draft::beside(&replaced(path)?, 0o600).map(drop)
}

/// The path of the file that is replaced.
fn replaced(path: &Path) -> io::Result<PathBuf> {
    let path = match path.canonicalize() {
        Ok(path) => path,
        // There is none yet. The target of a dangling link cannot be determined here.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(path.to_owned());
        }
        Err(error) => return Err(error),
    };
    let kind = fs::metadata(&path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a device, pipe or socket, and not a file",
        ));
    }
    Ok(path)
}

/// A file that is being written.
enum Draft {
    /// It has no name yet, so that nothing is left of it if this process is killed.
    Unnamed(File, PathBuf),
    /// On a file system without unnamed files.
    Named(NamedTempFile),
}

impl Draft {
    fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        // It gets its name by way of /proc.
        if Path::new("/proc/self/fd").is_dir()
            && let Ok(file) = open(directory, flags, Mode::from_raw_mode(mode))
        {
            return Ok(Self::Unnamed(file.into(), directory.to_owned()));
        }
        tempfile::Builder::new()
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory)
            .map(Self::Named)
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::Unnamed(file, _) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }

    fn persist(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Unnamed(file, directory) => {
                // Only a rename replaces a file, so it gets another name first.
                let link = |name: &Path| {
                    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
                    Ok(linkat(CWD, from, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
                };
                let linked = tempfile::Builder::new().make_in(directory, link)?;
                linked.persist(path)?;
            }
            Self::Named(file) => {
                file.persist(path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    use std::os::unix::net::UnixListener;

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
    fn a_path_that_cannot_be_replaced_is_detected_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        check_replaceable(&path("new/file")).unwrap();
        assert_eq!(fs::read_dir(path("new")).unwrap().count(), 0);
        fs::write(path("file"), "").unwrap();
        check_replaceable(&path("file")).unwrap();
        for (name, kind) in [
            ("new", io::ErrorKind::IsADirectory),
            ("file/x", io::ErrorKind::NotADirectory),
        ] {
            let error = check_replaceable(&path(name)).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}");
        }
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/file"), "old").unwrap();
        symlink("folder/file", path("link")).unwrap();
        replace_file(&path("link"), 0o600, |file| file.write_all(b"new")).unwrap();
        assert!(path("link").is_symlink());
        assert_eq!(fs::read(path("folder/file")).unwrap(), b"new");

        symlink("nowhere", path("lost")).unwrap();
        let lost = replace_file(&path("lost"), 0o600, |_| Ok(()));
        assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_socket_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _socket = UnixListener::bind(&path).unwrap();
        check_replaceable(&path).unwrap_err();
        let error = replace_file(&path, 0o600, |_| Ok(())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is a device, pipe or socket, and not a file"
        );
        assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    }

    #[test]
    fn nothing_is_left_of_a_file_that_is_not_finished() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        replace_file(&path, 0o600, |file| {
            file.write_all(b"half")?;
            assert_eq!(fs::read_dir(directory.path())?.count(), 0, "it has a name");
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"half");
    }
}
