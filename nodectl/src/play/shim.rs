//! Shims that nobody knows any more.
//!
//! Measured with containerd 1.6.20: a client that is killed while `Tasks.Create` is under way makes
//! containerd forget the shim that it was starting; the process stays for good.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use oci::Digest;

use crate::containerd::{Containerd, Error};

/// Ends the shims of this containerd and namespace whose container has no record.
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
        // One that has gone by itself is fine, and so is a socket that is elsewhere.
        let _ = kill(shim.pid, Signal::SIGKILL);
        let _ = fs::remove_file(shim.socket(client.namespace()));
    }
    Ok(())
}

/// A shim, as its command line tells.
struct Shim {
    pid: Pid,
    id: String,
    address: String,
}

impl Shim {
    /// The socket it listens on, which containerd names by a hash (`SocketAddress` of containerd's
    /// package shim, 1.4 to 2.x).
    fn socket(&self, namespace: &str) -> PathBuf {
        let name = format!("{}/{namespace}/{}", self.address, self.id);
        Path::new("/run/containerd/s").join(Digest::of(name.as_bytes()).hex())
    }
}

/// The shims of a containerd's namespace.
fn shims(address: &Path, namespace: &str) -> Vec<Shim> {
    let socket = fs::canonicalize(address).unwrap_or_else(|_| address.to_owned());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            let words: Vec<&str> = std::str::from_utf8(&command).ok()?.split('\0').collect();
            let shim = Path::new(words.first()?).file_name()?;
            let of = |flag: &str| {
                let at = words.iter().position(|word| *word == flag)?;
                words.get(at + 1).copied()
            };
            let (id, address) = (of("-id")?.to_owned(), of("-address")?.to_owned());
            let ours = shim.to_str()?.starts_with("containerd-shim")
                && of("-namespace")? == namespace
                && fs::canonicalize(&address).ok()? == socket;
            ours.then(|| Shim {
                pid: Pid::from_raw(pid),
                id,
                address,
            })
        })
        .collect()
}
