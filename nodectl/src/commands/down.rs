//! `nodectl down`.

use std::time::Duration;

use cli::{Exit, Printer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::error::{CommandError, Result};
use super::process::in_an_hour;
use crate::args::{DownArgs, Global};
use crate::containerd::Containerd;
use crate::play::{Instance, InstanceError, Lock, remove_all};

pub(super) async fn down(printer: Printer, global: &Global, args: &DownArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let lock = take(printer, &instance, Duration::from_secs(args.wait.into())).await?;
    let removed = remove_all(&client, &instance, in_an_hour())
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
    let mut signalled = None;
    loop {
        let locked = match instance.lock() {
            Err(locked @ InstanceError::Locked { .. }) => locked,
            result => return Ok(result?),
        };
        if signalled.is_none() {
            // The lock's holder is alive, so the ID in the file is its own.
            signalled = instance.locked_by();
            if let Some(pid) = signalled {
                printer.status(&format!("Stopping `nodectl up`, process {pid}"));
                kill(Pid::from_raw(pid), Signal::SIGTERM)
                    .map_err(|source| CommandError::Stop { pid, source })?;
            }
        }
        if Instant::now() >= deadline {
            return Err(match signalled {
                Some(pid) => CommandError::StillRunning { pid, wait },
                None => locked.into(),
            });
        }
        sleep(Duration::from_millis(50)).await;
    }
}
