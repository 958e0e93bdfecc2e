//! The results of a run, as stored in `bench/results/node.json`: raw figures, with the unit in the key.

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
    /// What `containerd --version` and `crictl --version` print.
    pub(crate) containerd: String,
    pub(crate) crictl: String,
    pub(crate) pods: usize,
    /// Of each pod, its sandbox aside.
    pub(crate) containers: usize,
    pub(crate) rounds: usize,
    pub(crate) pairs: Vec<Pair>,
}

/// Two commands that show the same.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    pub(crate) ours: Timed,
    pub(crate) other: Timed,
    /// How much of the other's time ours may take.
    pub(crate) at_most: f64,
}

/// A command, and the time from its start to its end in each round.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    pub(crate) command: String,
    pub(crate) millis: Vec<f64>,
}
