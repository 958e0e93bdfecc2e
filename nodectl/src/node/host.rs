//! The node's files: at the root, or below the directory where a debugging pod mounts them.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read};

/// The most that is read of a file of /proc, of a cgroup or of containerd's state.
const MAX_BYTES: usize = 1 << 20;

/// The size of a read, into which most of these files fit.
const READ_BYTES: usize = 4096;

/// The node's file system.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// The node whose root directory is `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path of the node, as this process reaches it.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a small file, or `None` if it is gone or cannot be read.
    ///
    /// A node has thousands of these files. They are read into a buffer on the stack, as musl returns a heap
    /// buffer of this size to the kernel after each file.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = open(self.path(path), flags, Mode::empty()).ok()?;
        let mut buffer = [0; READ_BYTES];
        let mut bytes = Vec::new();
        while bytes.len() < MAX_BYTES {
            match read(&file, &mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        String::from_utf8(bytes).ok()
    }

    /// The names of the directories in a directory; none if it is gone or cannot be read.
    pub(super) fn directories(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(path)).into_iter().flatten();
        entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }
}
