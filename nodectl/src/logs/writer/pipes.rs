//! Records the pipes of a container and their reader, so that another process can take over from a killed
//! writer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// The two pipes of a container, by their inodes, and the processes that have them open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pipes {
    /// The process that reads them.
    pub(super) writer: u32,
    /// The container's shim, which keeps their other ends open.
    pub(super) shim: u32,
    pub(super) stdout: u64,
    pub(super) stderr: u64,
}

/// Read ends of a container's pipes: as long as they are open, the container can write, up to the pipes'
/// capacity, even if no writer reads.
#[derive(Debug)]
pub(crate) struct Held {
    /// The writer's pidfd, which is readable after its exit; `None` if it has exited.
    pub(crate) writer: Option<OwnedFd>,
    pub(crate) stdout: File,
    pub(crate) stderr: File,
}

impl Pipes {
    /// The file of a container's pipes, below the instance's directory.
    pub(crate) fn path(instance_dir: &Path, container: &str) -> PathBuf {
        Self::dir(instance_dir).join(container)
    }

    /// The directory of these files.
    pub(crate) fn dir(instance_dir: &Path) -> PathBuf {
        instance_dir.join("writers")
    }

    /// Reads the file of a container's pipes; `None` if it has none.
    pub(crate) fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes the file.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let new = path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, path)
    }

    /// Opens read ends of both pipes; `None` if no process has them open any more.
    pub(crate) fn hold(&self) -> Option<Held> {
        let writer = pidfd(self.writer);
        let reading = writer.and_then(|writer| self.open(self.writer, Some(writer)));
        reading.or_else(|| self.open(self.shim, None))
    }

    /// The writer's pidfd, which is readable after its exit; `None` if it has exited.
    pub(crate) fn writer(&self) -> Option<OwnedFd> {
        let writer = pidfd(self.writer)?;
        // Another process may have reused its ID.
        end_of(self.writer, self.stdout).and(Some(writer))
    }

    fn open(&self, process: u32, writer: Option<OwnedFd>) -> Option<Held> {
        Some(Held {
            writer,
            stdout: read_end(&end_of(process, self.stdout)?).ok()?,
            stderr: read_end(&end_of(process, self.stderr)?).ok()?,
        })
    }
}

fn pidfd(process: u32) -> Option<OwnedFd> {
    let process = Pid::from_raw(i32::try_from(process).ok()?)?;
    pidfd_open(process, PidfdFlags::empty()).ok()
}

/// The path of a process's descriptor of a pipe.
fn end_of(process: u32, inode: u64) -> Option<PathBuf> {
    let name = PathBuf::from(format!("pipe:[{inode}]"));
    let entries = fs::read_dir(format!("/proc/{process}/fd")).ok()?.flatten();
    entries
        .map(|entry| entry.path())
        .find(|path| fs::read_link(path).is_ok_and(|link| link == name))
}

/// Opens a pipe for reading, through a descriptor of either of its ends. Reading it never blocks.
pub(super) fn read_end(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC)
        .open(path)
}

/// The inode of an open pipe.
pub(super) fn inode(pipe: &File) -> io::Result<u64> {
    Ok(pipe.metadata()?.ino())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_pipe_can_be_read_through_any_process_that_has_it_open() {
        let own = std::process::id();
        let (reader, mut writer) = io::pipe().unwrap();
        let inode = fs::metadata(format!("/proc/self/fd/{}", {
            use std::os::fd::AsRawFd as _;
            writer.as_raw_fd()
        }))
        .unwrap()
        .ino();
        let pipes = Pipes {
            // No process has this ID (`pid_max` is at most 2^22).
            writer: 1 << 23,
            shim: own,
            stdout: inode,
            stderr: inode,
        };
        drop(reader);
        let mut held = pipes.hold().expect("the other end is open");
        assert!(held.writer.is_none());
        writer.write_all(b"text").unwrap();
        let mut text = [0; 4];
        held.stdout.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"text");
        drop((held, writer));
        assert!(pipes.hold().is_none());
    }
}
