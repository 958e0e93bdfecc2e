//! An instance: the names of its resources, its directories and its lock.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use oci::Digest;

use crate::logs::writer::Pipes;

/// An instance of nodectl: a containerd namespace with a state directory.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Six hex digits that distinguish it from others on this machine.
    pub id: String,
    /// The directory of files that do not survive a reboot: the lock, network namespaces, sockets.
    pub dir: PathBuf,
    /// The directory of its pods' logs and volumes, which may be large.
    pub data: PathBuf,
    /// The name of its bridge.
    pub bridge: String,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// An operation on one of its files failed.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// The operation.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Its pods have their data in another directory.
    #[error("the pods' logs and volumes are in `{}`, not in `{}`", found.display(), asked.display())]
    Data {
        /// The directory of the data.
        found: PathBuf,
        /// The requested directory.
        asked: PathBuf,
    },
    /// Another nodectl runs pods here.
    #[error("another `nodectl` (process {pid}) uses `{}`", dir.display())]
    Locked {
        /// The state directory.
        dir: PathBuf,
        /// The other process's ID.
        pid: String,
    },
}

impl Instance {
    /// The instance of a containerd namespace under a state directory. Creates nothing.
    pub fn new(state_dir: &Path, data_dir: &Path, namespace: &str) -> Self {
        let dir = state_dir.join(namespace);
        let id = Digest::of(dir.as_os_str().as_encoded_bytes()).hex()[..6].to_owned();
        let bridge = if dir == Path::new("/run/nodectl/nodectl") {
            "nodectl0".to_owned()
        } else {
            format!("nc{id}")
        };
        Self {
            data: data_dir.join(format!("{namespace}-{id}")),
            id,
            dir,
            bridge,
        }
    }

    /// The prefix of the names of its veth links, which have at most 15 bytes.
    pub fn link_prefix(&self) -> String {
        format!("nc{}-", self.id)
    }

    /// The prefix of the names of its imports.
    pub fn import_prefix(&self) -> String {
        format!("up-{}-", self.id)
    }

    /// The parent cgroup of all its containers.
    pub fn cgroup(&self) -> String {
        format!("/nodectl-{}", self.id)
    }

    /// The directory of the network namespaces.
    pub fn netns_dir(&self) -> PathBuf {
        self.dir.join("netns")
    }

    /// The directory of the IPC namespaces.
    pub fn ipc_dir(&self) -> PathBuf {
        self.dir.join("ipc")
    }

    /// The directory of the pods' files and volumes, a symbolic link into the data directory.
    pub fn pods_dir(&self) -> PathBuf {
        self.dir.join("pods")
    }

    /// The directory of the containers' logs, a symbolic link into the data directory.
    pub fn logs_dir(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// Locks the instance, and creates its directories.
    ///
    /// # Errors
    /// [`InstanceError::Locked`] if another process has it.
    pub fn lock(&self) -> Result<Lock, InstanceError> {
        loop {
            let path = self.dir.join("lock");
            let error = |action| {
                let path = path.clone();
                move |source| InstanceError::File {
                    action,
                    path,
                    source,
                }
            };
            fs::create_dir_all(&self.dir).map_err(error("create the directory of"))?;
            let open = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let file = match open {
                // Another nodectl has just removed the directory.
                Err(source) if source.kind() == io::ErrorKind::NotFound => continue,
                result => result.map_err(error("open"))?,
            };
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                    let pid = self
                        .locked_by()
                        .map_or("unknown".to_owned(), |pid| pid.to_string());
                    return Err(InstanceError::Locked {
                        dir: self.dir.clone(),
                        pid,
                    });
                }
                Err((_, errno)) => return Err(error("lock")(errno.into())),
            };
            // Its last owner may have removed the file before it was locked here.
            let same = fs::metadata(&path).is_ok_and(|there| {
                file.metadata()
                    .is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
            });
            if !same {
                continue;
            }
            file.set_len(0).map_err(error("write"))?;
            writeln!(file, "{}", std::process::id()).map_err(error("write"))?;
            for dir in [self.netns_dir(), self.ipc_dir(), Pipes::dir(&self.dir)] {
                fs::create_dir_all(&dir).map_err(|source| InstanceError::File {
                    action: "create",
                    path: dir,
                    source,
                })?;
            }
            return Ok(Lock {
                file,
                dir: self.dir.clone(),
                data: self.data.clone(),
            });
        }
    }

    /// Creates the directories of logs and volumes in the data directory, and links to them.
    ///
    /// # Errors
    /// [`InstanceError::Data`] if an earlier nodectl created them elsewhere.
    pub fn create_data(&self) -> Result<(), InstanceError> {
        for link in [self.logs_dir(), self.pods_dir()] {
            let asked = self.data.join(link.file_name().unwrap_or_default());
            let error = |source| InstanceError::File {
                action: "create",
                path: asked.clone(),
                source,
            };
            match fs::read_link(&link) {
                Ok(found) if found != asked => return Err(InstanceError::Data { found, asked }),
                Ok(_) => {}
                Err(_) => symlink(&asked, &link).map_err(error)?,
            }
            fs::create_dir_all(&asked).map_err(error)?;
        }
        Ok(())
    }

    /// The process whose ID is in the lock file; it may have exited.
    pub fn locked_by(&self) -> Option<i32> {
        let mut text = String::new();
        File::open(self.dir.join("lock"))
            .ok()?
            .take(32)
            .read_to_string(&mut text)
            .ok()?;
        text.trim().parse().ok()
    }
}

/// The lock on an instance, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    #[expect(dead_code, reason = "holds the lock until it is dropped")]
    file: Flock<File>,
    dir: PathBuf,
    data: PathBuf,
}

impl Lock {
    /// Removes the instance's directories, and their parents if they are empty.
    ///
    /// # Errors
    /// As the file system's.
    pub fn remove_dir(self, state_dir: &Path) -> io::Result<()> {
        let lock = self.dir.join("lock");
        // Nothing exists below a file either.
        let gone = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        let gone_is_fine = |result: io::Result<()>| match result {
            Err(error) if !gone.contains(&error.kind()) => Err(error),
            _ => Ok(()),
        };
        let mut data = BTreeSet::from([self.data.clone()]);
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if let Ok(target) = fs::read_link(&path) {
                data.extend(target.parent().map(Path::to_owned));
                gone_is_fine(fs::remove_file(&path))?;
            } else if path.is_dir() {
                gone_is_fine(fs::remove_dir_all(&path))?;
            } else if path != lock {
                gone_is_fine(fs::remove_file(&path))?;
            }
        }
        for dir in data {
            gone_is_fine(fs::remove_dir_all(&dir))?;
            // It is kept if other instances use it.
            let _ = dir.parent().map(fs::remove_dir);
        }
        gone_is_fine(fs::remove_file(&lock))?;
        // From here on another nodectl may lock the instance, and then its directory is kept.
        let _ = fs::remove_dir(&self.dir);
        let _ = fs::remove_dir(state_dir);
        Ok(())
    }
}
