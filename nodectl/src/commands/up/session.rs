//! One run of `up`: what all its steps need, and its end.

use std::time::Duration;

use cli::{Exit, Printer};
use tokio::sync::watch;

use crate::args::Global;
use crate::commands::error::{CommandError, Result};
use crate::commands::process::{in_an_hour, stop_on_signals};
use crate::containerd::Containerd;
use crate::play::{Instance, Lock, Stop, observe, remove_all};

/// The state of one run of `up`.
pub(super) struct Session {
    pub(super) printer: Printer,
    pub(super) client: Containerd,
    pub(super) instance: Instance,
    pub(super) stop: watch::Receiver<Stop>,
}

impl Session {
    /// Connects to containerd. A signal stops the pods, each within `grace`.
    pub(super) async fn open(printer: Printer, global: &Global, grace: Duration) -> Result<Self> {
        Ok(Self {
            printer,
            stop: stop_on_signals(grace).map_err(CommandError::Signals)?,
            client: Containerd::connect(&global.address(), global.namespace()).await?,
            instance: global.instance(),
        })
    }

    /// Removes everything, unless a failed `up` found pods of an earlier one.
    pub(super) async fn finish(
        &self,
        global: &Global,
        lock: Lock,
        outcome: Result<Exit>,
    ) -> Result<Exit> {
        let Self {
            client, instance, ..
        } = self;
        let clean = match &outcome {
            Ok(_) => true,
            Err(_) => observe(client, &instance.id)
                .await
                .is_ok_and(|(pods, strays)| pods.is_empty() && strays.is_empty()),
        };
        if clean {
            let removed = remove_all(client, instance, in_an_hour()).await;
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
                self.printer.status("Stopped; everything was removed");
            }
        }
        outcome
    }
}
