//! `nodectl up`.

mod plan;
mod published;
mod serve;

use std::time::Duration;

use cli::{Exit, Printer};
use tokio::sync::watch;

use self::plan::UpPlan;
use super::error::{CommandError, Result, UsageError};
use super::process::stop_on_signals;
use crate::args::{Global, UpArgs};
use crate::containerd::Containerd;
use crate::play::{Instance, Lock, Stop, observe, remove_all};

pub(super) async fn up(printer: Printer, global: &Global, args: &UpArgs) -> Result<Exit> {
    let plan = UpPlan::read(printer, args)?;
    if !nix::unistd::geteuid().is_root() {
        let hint = "run it with sudo: pods need network namespaces and cgroups";
        return Err(UsageError::new("`nodectl up` needs root", Some(hint)).into());
    }
    let grace = Duration::from_secs(args.grace_period.into());
    let session = Session {
        printer,
        stop: stop_on_signals(grace).map_err(CommandError::Signals)?,
        client: Containerd::connect(&global.address(), global.namespace()).await?,
        instance: global.instance(),
    };
    let lock = session.instance.lock()?;
    let outcome = serve::run(&session, plan).await;
    finish(&session, global, lock, outcome).await
}

/// The state of one run of `up`.
struct Session {
    printer: Printer,
    client: Containerd,
    instance: Instance,
    stop: watch::Receiver<Stop>,
}

/// Removes everything, unless a failed `up` found pods of an earlier one.
async fn finish(
    session: &Session,
    global: &Global,
    lock: Lock,
    outcome: Result<Exit>,
) -> Result<Exit> {
    let Session {
        client, instance, ..
    } = session;
    let clean = match &outcome {
        Ok(_) => true,
        Err(_) => observe(client, &instance.id)
            .await
            .is_ok_and(|(pods, strays)| pods.is_empty() && strays.is_empty()),
    };
    if clean {
        let removed = remove_all(client, instance).await;
        match (&outcome, removed) {
            (Ok(_), Err(error)) => return Err(CommandError::Remove(error)),
            // Only the first error is reported.
            (Err(_), Err(_)) => return outcome,
            _ => {}
        }
        if let (Ok(_), Err(source)) = (&outcome, lock.remove_dir(&global.state_dir)) {
            let path = instance.dir.clone();
            return Err(CommandError::RemoveDir { path, source });
        }
        if outcome.is_ok() {
            session.printer.status("Stopped; everything was removed");
        }
    }
    outcome
}
