//! The results of a run, as stored in `bench/results/rollout.json`: raw figures, with the unit in the key.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// The version of this schema.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// One run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    /// How many times faster than at AWS time passed.
    pub(crate) scale: u32,
    pub(crate) rollouts: Vec<Rollout>,
}

/// A rollout of a new version under load, as `tests/tests/cluster_nlb.rs` records it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollout {
    pub(crate) overlay: String,
    /// From the start of `make deploy` to its end.
    pub(crate) seconds: f64,
    pub(crate) kept: Clients,
    pub(crate) one_shot: Clients,
    /// Connections that the load balancer forwarded.
    pub(crate) connections: u64,
    /// Of these, to pods that were already deregistered.
    pub(crate) to_deregistered: u64,
}

/// What one kind of clients saw.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clients {
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
}
