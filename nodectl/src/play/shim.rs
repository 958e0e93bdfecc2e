//! Shims that nobody knows any more.
//!
//! Measured with containerd 1.6.20: a client that is killed while `Tasks.Create` is under way makes
//! containerd forget the shim that it was starting; the process stays for good.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use crate::containerd::{Containerd, Error};

/// containerd may still be starting a shim for a client that is gone; this often and this long is
/// looked for it.
const LOOKS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);

/// Ends the shims of this containerd and namespace whose container has no record. `recent` says that
/// something was cut short lately, so that one may yet appear.
///
/// # Errors
/// As containerd's.
pub(super) async fn remove_orphans(client: &Containerd, recent: bool) -> Result<(), Error> {
    for look in 0..if recent { LOOKS } else { 1 } {
        if look > 0 {
            sleep(PAUSE).await;
        }
        // First the shims, then the records: a container's record is older than its shim.
        let shims = shims(client.address(), client.namespace());
        if shims.is_empty() {
            continue;
        }
        let known: BTreeSet<String> = client
            .containers(&[])
            .await?
            .into_iter()
            .map(|container| container.id)
            .collect();
        for (pid, id) in shims {
            if !known.contains(&id) {
                // One that has gone by itself is fine.
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }
    Ok(())
}

/// The shims of a containerd's namespace: process and container.
fn shims(address: &Path, namespace: &str) -> Vec<(Pid, String)> {
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
            let ours = shim.to_str()?.starts_with("containerd-shim")
                && of("-namespace")? == namespace
                && fs::canonicalize(of("-address")?).ok()? == socket;
            ours.then(|| Some((Pid::from_raw(pid), of("-id")?.to_owned())))?
        })
        .collect()
}
