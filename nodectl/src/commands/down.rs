//! `nodectl down`.

use std::time::Duration;

use cli::{Exit, Printer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::error::{CommandError, Result};
use crate::args::{DownArgs, Global};
use crate::containerd::Containerd;
use crate::play::{Instance, InstanceError, Lock, remove_all};

pub(super) async fn down(printer: Printer, global: &Global, args: &DownArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let lock = take(printer, &instance, Duration::from_secs(args.wait.into())).await?;
    let removed = remove_all(&client, &instance)
        .await
        .map_err(CommandError::Remove)?;
    lock.remove_dir(&global.state_dir)
        .map_err(|source| CommandError::RemoveDir {
            path: instance.dir.clone(),
            source,
        })?;
    let count =
        |number: usize, what| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    printer.status(&format!(
        "Removed {}, {} and {}",
        count(removed.pods, "pod"),
        count(removed.containers, "container"),
        count(removed.images, "image")
    ));
    Ok(Exit::Ok)
}

/// Takes the lock. An `up` that holds it gets SIGTERM, and is waited for.
async fn take(printer: Printer, instance: &Instance, wait: Duration) -> Result<Lock> {
    let deadline = Instant::now() + wait;
    let mut signalled = false;
    loop {
        match instance.lock() {
            Err(InstanceError::Locked { .. }) if Instant::now() < deadline => {
                // The lock's holder is alive, so the ID in the file is its own.
                if let Some(pid) = instance.locked_by().filter(|_| !signalled) {
                    printer.status(&format!("Stopping `nodectl up`, process {pid}"));
                    kill(Pid::from_raw(pid), Signal::SIGTERM)
                        .map_err(|source| CommandError::Stop { pid, source })?;
                    signalled = true;
                }
                sleep(Duration::from_millis(50)).await;
            }
            result => return Ok(result?),
        }
    }
}
