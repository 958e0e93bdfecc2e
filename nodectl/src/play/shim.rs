//! Shims that containerd no longer knows, or that do not answer.
//!
//! Measured with containerd 1.6.20: when a client is killed during `Tasks.Create`, containerd forgets the
//! shim that it was starting, and the process leaks.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use oci::Digest;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::containerd::{Containerd, Error};

/// Kills the shims of this containerd and namespace whose container has no record.
///
/// # Errors
/// As containerd's.
pub(super) async fn remove_orphans(client: &Containerd) -> Result<(), Error> {
    // First the shims, then the records: a container's record is older than its shim.
    let shims = shims(client.address(), client.namespace());
    if shims.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<String> = client
        .containers(&[])
        .await?
        .into_iter()
        .map(|container| container.id)
        .collect();
    for shim in shims.iter().filter(|shim| !known.contains(&shim.id)) {
        shim.kill(client).await;
        forget(client.namespace(), &shim.id).await;
    }
    Ok(())
}

/// Kills the shim of a container that no longer has a record, and the container's processes.
pub(super) async fn remove_orphan(client: &Containerd, id: &str) {
    kill_of(client, id).await;
    forget(client.namespace(), id).await;
}

/// Kills the shim of a container.
async fn kill_of(client: &Containerd, id: &str) {
    let shims = shims(client.address(), client.namespace());
    for shim in shims.iter().filter(|shim| shim.id == id) {
        shim.kill(client).await;
    }
}

/// How long containerd may take to clean up after a shim that was killed.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often that is checked.
const CLEANUP_POLL: Duration = Duration::from_millis(20);

/// Kills the unresponsive shim of a container, waits until containerd has noticed its exit and had runc
/// delete the container, then deletes the task.
///
/// # Errors
/// As containerd's.
pub(super) async fn kill_stuck(client: &Containerd, id: &str) -> Result<(), Error> {
    kill_of(client, id).await;
    let deadline = Instant::now() + CLEANUP_TIMEOUT;
    while runc_state(client.namespace(), id).exists() && Instant::now() < deadline {
        sleep(CLEANUP_POLL).await;
    }
    // Any error means that containerd is still cleaning up.
    delete_task_until(deadline, client, id, |_| true).await
}

/// Deletes a stopped task. If its shim was killed, containerd reports a closed connection until it has
/// cleaned up.
///
/// # Errors
/// As containerd's.
pub(super) async fn delete_task(client: &Containerd, id: &str) -> Result<(), Error> {
    let deadline = Instant::now() + CLEANUP_TIMEOUT;
    delete_task_until(deadline, client, id, Error::is_closed_shim).await
}

/// Deletes a task; retries until the deadline while the error means that containerd is cleaning up.
async fn delete_task_until(
    deadline: Instant,
    client: &Containerd,
    id: &str,
    is_cleanup: fn(&Error) -> bool,
) -> Result<(), Error> {
    loop {
        match client.delete_task(id).await {
            Err(error) if is_cleanup(&error) && Instant::now() < deadline => {
                sleep(CLEANUP_POLL).await;
            }
            result => return result,
        }
    }
}

/// The `--root` of containerd's runc, with a directory for each namespace. The daemon's own state directory
/// does not change it (`runc.Root` of containerd's runc options, 1.4 to 2.x).
const RUNC_ROOT: &str = "/run/containerd/runc";

/// The directory of a container in runc's root.
fn runc_state(namespace: &str, id: &str) -> PathBuf {
    Path::new(RUNC_ROOT).join(namespace).join(id)
}

/// How long a runc that a killed shim started, and containerd's cleanup, may take.
const RUNC_TIMEOUT: Duration = Duration::from_secs(2);

/// Has runc delete a container that containerd no longer knows, once no other process works on it: a runc
/// that a killed shim started continues to create the container, and containerd cleans up after a killed
/// shim while it serves other requests.
pub(super) async fn forget(namespace: &str, id: &str) {
    let deadline = Instant::now() + RUNC_TIMEOUT;
    while root_of(namespace, id).is_some() && Instant::now() < deadline {
        sleep(CLEANUP_POLL).await;
    }
    if let Some(root) = root_of(namespace, id) {
        // Nothing else unmounts it: containerd has forgotten the shim that mounted it, or is not running.
        let _ = umount2(&root, MntFlags::MNT_DETACH);
    }
    let deadline = Instant::now() + RUNC_TIMEOUT;
    while runc_is_at(id) && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
    let root = Path::new(RUNC_ROOT).join(namespace);
    let state = runc_state(namespace, id);
    if !state.exists() {
        return;
    }
    let delete = Command::new("runc")
        .arg("--root")
        .arg(&root)
        .args(["delete", "--force", id])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    // runc does not know a container whose creation was interrupted, and does not remove its directory.
    let _ = timeout(RUNC_TIMEOUT, delete).await;
    let _ = fs::remove_dir_all(&state);
}

/// The mount point of a container's root file system: in its bundle, wherever containerd keeps bundles. The
/// cleanup after a shim removes it last.
fn root_of(namespace: &str, id: &str) -> Option<PathBuf> {
    let bundle = format!("/{namespace}/{id}/rootfs");
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .find(|point| point.ends_with(&bundle))
        .map(PathBuf::from)
}

/// Whether a runc process works on a container.
fn runc_is_at(id: &str) -> bool {
    processes().any(|(_, words)| {
        let program = words.first().map(Path::new).and_then(Path::file_name);
        program.is_some_and(|name| name == "runc") && words.iter().any(|word| word == id)
    })
}

/// A shim, by its command line.
struct Shim {
    pid: Pid,
    id: String,
}

impl Shim {
    /// Kills it and removes its sockets. It may have exited already.
    async fn kill(&self, client: &Containerd) {
        let _ = kill(self.pid, Signal::SIGKILL);
        remove_socket(client, &self.id).await;
    }
}

/// The directory of the shims' sockets, for all daemons of the machine (`socketRoot` of containerd's package
/// shim, 1.4 to 2.x).
const SOCKETS: &str = "/run/containerd/s";

/// The sockets of a container's shim, which containerd names by a hash (`SocketAddress` of the same
/// package); the second one exists if containerd logs the debug output of shims.
fn sockets(address: &Path, namespace: &str, id: &str) -> [PathBuf; 2] {
    ["", "/debug"].map(|suffix| {
        let name = format!("{}/{namespace}/{id}{suffix}", address.display());
        Path::new(SOCKETS).join(Digest::of(name.as_bytes()).hex())
    })
}

/// How long a killed shim may take to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Removes the sockets of a container's killed shim; a shim that exits normally removes them itself.
pub(super) async fn remove_socket(client: &Containerd, id: &str) {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    // containerd may have been started with the path behind a symbolic link.
    let behind_links = fs::canonicalize(client.address()).ok();
    let addresses = [client.address()]
        .into_iter()
        .chain(behind_links.as_deref());
    for path in addresses.flat_map(|address| sockets(address, client.namespace(), id)) {
        loop {
            match UnixStream::connect(&path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // It may be gone by now.
                    let _ = fs::remove_file(&path);
                    break;
                }
                // Its shim still runs, and may be about to exit.
                Ok(_) if Instant::now() < deadline => sleep(Duration::from_millis(10)).await,
                _ => break,
            }
        }
    }
}

/// The shims in a namespace of a containerd.
fn shims(address: &Path, namespace: &str) -> Vec<Shim> {
    let socket = fs::canonicalize(address).unwrap_or_else(|_| address.to_owned());
    processes()
        .filter_map(|(pid, words)| {
            let shim = Path::new(words.first()?).file_name()?;
            let of = |flag: &str| {
                let at = words.iter().position(|word| word == flag)?;
                words.get(at + 1)
            };
            let ours = shim.to_str()?.starts_with("containerd-shim")
                && of("-namespace")? == namespace
                && fs::canonicalize(of("-address")?).ok()? == socket;
            let id = of("-id")?.clone();
            ours.then_some(Shim { pid, id })
        })
        .collect()
}

/// The processes of this machine, each with its command line.
fn processes() -> impl Iterator<Item = (Pid, Vec<String>)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let words = std::str::from_utf8(&command).ok()?.split('\0');
        Some((Pid::from_raw(pid), words.map(str::to_owned).collect()))
    })
}
