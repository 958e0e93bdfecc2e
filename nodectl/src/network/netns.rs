//! Network namespaces kept alive by a bind mount, made by a thread of this process.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::Error;

/// Where a thread finds its own network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// Moves the calling thread to a new network namespace and keeps it at `path`. The thread must end
/// afterwards, or everything it does later happens in there.
pub(super) fn enter_new(path: &Path) -> Result<File, Error> {
    let error = |action| {
        let path = path.to_owned();
        move |source: io::Error| Error::Namespace {
            action,
            path,
            source,
        }
    };
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(path)
        .map_err(error("make the file of"))?;
    let entered = unshare(CloneFlags::CLONE_NEWNET)
        .map_err(io::Error::from)
        .map_err(error("make"))
        .and_then(|()| {
            mount(
                Some(OWN),
                path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .map_err(io::Error::from)
            .map_err(error("mount"))
        })
        .and_then(|()| File::open(OWN).map_err(error("open")));
    if entered.is_err() {
        let _ = remove(path);
    }
    entered
}

/// Lets go of the namespace at `path`; one that is gone is fine.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let error = |action| {
        let path = path.to_owned();
        move |source: io::Error| Error::Namespace {
            action,
            path,
            source,
        }
    };
    // EINVAL: nothing is mounted there; ENOENT: it is gone.
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
        Err(errno) => return Err(error("unmount")(errno.into())),
    }
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(error("remove")(source)),
        _ => Ok(()),
    }
}

/// Whether a namespace is mounted at `path`.
pub(super) fn is_mounted(path: &Path) -> bool {
    nix::sys::statfs::statfs(path)
        .is_ok_and(|stat| stat.filesystem_type() == nix::sys::statfs::FsType(0x6e73_6673))
}
