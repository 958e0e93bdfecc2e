//! The controller's state of a pod.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::play::record::PodRecord;
use crate::play::status::PodStatus;
use crate::play::worker::Order;

/// A pod and its worker.
pub(super) struct Entry {
    pub(super) record: PodRecord,
    /// The last status that its worker reported.
    pub(super) status: Option<PodStatus>,
    pub(super) ready_since: Option<Instant>,
    /// Whether its worker was ordered to stop it.
    pub(super) stopping: bool,
    pub(super) order: watch::Sender<Order>,
}

impl Entry {
    pub(super) fn terminating(&self) -> bool {
        let status = self.status.as_ref();
        self.stopping || status.is_some_and(|status| status.terminating)
    }

    pub(super) fn ready(&self) -> bool {
        !self.terminating() && self.status.as_ref().is_some_and(PodStatus::ready)
    }

    /// Updates the status from its worker's report.
    pub(super) fn set_status(&mut self, status: PodStatus) {
        self.status = Some(status);
        let ready = self.ready();
        self.ready_since = ready.then(|| self.ready_since.unwrap_or_else(Instant::now));
    }
}
