//! Network namespaces that bind mounts keep alive, created by threads of this process.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::Error;

/// A thread's own network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// The error of an action on the namespace at `path`.
fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Namespace {
        action,
        path,
        source,
    }
}

/// Moves the calling thread to a new network namespace, which a mount at `path` keeps alive. The thread
/// must exit afterwards, since it stays in that namespace.
pub(super) fn enter_new(path: &Path) -> Result<File, Error> {
    let error = |action| error(action, path);
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(path)
        .map_err(error("create the file of"))?;
    let entered = unshare(CloneFlags::CLONE_NEWNET)
        .map_err(io::Error::from)
        .map_err(error("create"))
        .and_then(|()| bind(path).map_err(error("mount")))
        .and_then(|()| File::open(OWN).map_err(error("open")));
    if entered.is_err() {
        let _ = remove(path);
    }
    entered
}

/// Releases the namespace at `path`; a missing one is not an error.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let error = |action| error(action, path);
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

/// Checks that a process sees this one's mounts in `dir`: runc, which containerd starts, opens the pods'
/// namespaces by path, and fails with "can't get final child's PID" if it finds an empty file.
///
/// # Errors
/// [`Error::Unseen`], and the kernel's.
pub(crate) fn check_seen_by(daemon: i32, dir: &Path) -> Result<(), Error> {
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let (own, other) = (namespace("self"), namespace(&daemon.to_string()));
    // Without permission, the namespaces cannot be compared.
    if own == other || other.is_none() {
        return Ok(());
    }
    let path = dir.join(".check");
    let error = |action| error(action, &path);
    std::fs::write(&path, "").map_err(error("create the file of"))?;
    let mounted = bind(&path).map_err(error("mount"));
    let root = Path::new("/proc").join(daemon.to_string()).join("root");
    let seen = is_mounted(&root.join(path.strip_prefix("/").unwrap_or(&path)));
    let removed = remove(&path);
    mounted?;
    removed?;
    if seen {
        Ok(())
    } else {
        Err(Error::Unseen { daemon })
    }
}

/// Mounts the calling thread's network namespace at `path`.
fn bind(path: &Path) -> io::Result<()> {
    let none = None::<&str>;
    Ok(mount(Some(OWN), path, none, MsFlags::MS_BIND, none)?)
}

/// Whether a namespace is mounted at `path`.
pub(super) fn is_mounted(path: &Path) -> bool {
    nix::sys::statfs::statfs(path)
        .is_ok_and(|stat| stat.filesystem_type() == nix::sys::statfs::FsType(0x6e73_6673))
}
