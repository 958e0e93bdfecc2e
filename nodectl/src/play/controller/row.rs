//! What is shown and saved of a pod.

use serde::{Deserialize, Serialize};

use crate::play::record::PodRecord;
use crate::play::status::PodStatus;

/// A pod in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRow {
    /// The record from its creation.
    pub record: PodRecord,
    /// The last status that its worker reported.
    pub status: PodStatus,
}

impl PodRow {
    /// The IDs of its containers' last starts, unless a creation failed and was repeated under another.
    pub fn container_ids(&self) -> impl Iterator<Item = String> {
        let all = self.status.containers.iter();
        all.map(|one| self.record.container_id(&one.name, one.restarts, 0))
    }
}
