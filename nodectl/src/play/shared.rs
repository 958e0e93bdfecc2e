//! The IPC namespace, /dev/shm and the volumes in memory that the containers of a pod share. They outlive each
//! container, as the sandbox of a Kubernetes pod does.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{FsType, statfs};

use super::instance::Instance;
use super::record::PodRecord;
use super::sandbox_error::SandboxError;

/// The size and mode of /dev/shm, as containerd's CRI plugin has them.
const SHM_OPTIONS: &str = "mode=1777,size=65536k";

/// A thread's own IPC namespace.
const OWN: &str = "/proc/thread-self/ns/ipc";

/// The magic number of the file system of namespaces (`NSFS_MAGIC`).
const NSFS: FsType = FsType(0x6e73_6673);

/// The paths of a pod's IPC namespace and its /dev/shm.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// The file that keeps the IPC namespace alive.
    pub(super) ipc: PathBuf,
    /// The directory that is mounted as /dev/shm.
    pub(super) shm: PathBuf,
}

impl Shared {
    pub(super) fn of(instance: &Instance, record: &PodRecord) -> Self {
        Self {
            ipc: instance.ipc_dir().join(&record.name),
            shm: shm_of(&instance.pods_dir().join(&record.name)),
        }
    }

    /// Creates both; existing ones are kept.
    pub(super) fn ensure(&self) -> Result<(), SandboxError> {
        if !statfs(&self.ipc).is_ok_and(|stat| stat.filesystem_type() == NSFS) {
            release(&self.ipc)?;
            self.create_ipc()?;
        }
        fs::create_dir_all(&self.shm).map_err(failed("create", &self.shm))?;
        mount_memory(&self.shm, MsFlags::MS_NOEXEC, SHM_OPTIONS)
    }

    fn create_ipc(&self) -> Result<(), SandboxError> {
        let path = self.ipc.clone();
        let create = move || -> io::Result<()> {
            OpenOptions::new()
                .create_new(true)
                .write(true)
                .open(&path)?;
            unshare(CloneFlags::CLONE_NEWIPC)?;
            let none = None::<&str>;
            mount(Some(OWN), &path, none, MsFlags::MS_BIND, none)?;
            Ok(())
        };
        // On a separate thread, which stays in the namespace.
        let thread = std::thread::Builder::new().name("ipc".to_owned());
        let created = thread.spawn(create).and_then(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
        });
        created.map_err(failed("create the IPC namespace", &self.ipc))
    }
}

/// The directory that is /dev/shm of the pod whose files are in `pod`.
fn shm_of(pod: &Path) -> PathBuf {
    pod.join("shm")
}

/// The directory of a pod's volumes.
pub(super) fn volumes_of(pod: &Path) -> PathBuf {
    pod.join("volumes")
}

/// Mounts a file system in memory on a directory, unless one is mounted there.
pub(super) fn mount_memory(path: &Path, flags: MsFlags, options: &str) -> Result<(), SandboxError> {
    if is_mount_point(path) {
        return Ok(());
    }
    let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options))
        .map_err(|errno| failed("mount", path)(errno.into()))
}

/// Unmounts /dev/shm and the volumes of the pod whose files are in `pod`.
pub(super) fn unmount_all(pod: &Path) -> Result<(), SandboxError> {
    unmount(&shm_of(pod))?;
    let volumes = fs::read_dir(volumes_of(pod)).into_iter().flatten();
    for volume in volumes.flatten() {
        unmount(&volume.path())?;
    }
    Ok(())
}

/// Releases the IPC namespace at `path`; a missing one is not an error.
pub(super) fn release(path: &Path) -> Result<(), SandboxError> {
    unmount(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn unmount(path: &Path) -> Result<(), SandboxError> {
    // A container that is being deleted may still have it mounted.
    match umount2(path, MntFlags::MNT_DETACH) {
        // EINVAL: nothing is mounted there.
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(failed("unmount", path)(errno.into())),
    }
}

fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|of| of.dev()).ok();
    let of_parent = path.parent().and_then(device);
    device(path).is_some_and(|own| Some(own) != of_parent)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> SandboxError {
    let path = path.to_owned();
    move |source| SandboxError::Shared {
        action,
        path: path.clone(),
        source,
    }
}
