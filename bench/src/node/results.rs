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
    /// The output of `containerd --version` and `crictl --version`.
    pub(crate) containerd: String,
    pub(crate) crictl: String,
    pub(crate) pods: usize,
    /// The containers of each pod, without its sandbox.
    pub(crate) containers: usize,
    pub(crate) rounds: usize,
    pub(crate) pairs: Vec<Pair>,
}

/// Two commands that show the same data.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    pub(crate) ours: Timed,
    pub(crate) other: Timed,
    /// The target: our time, divided by the other's.
    pub(crate) at_most: f64,
}

/// A command, and the time from its start to its exit in each round.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    pub(crate) command: String,
    pub(crate) millis: Vec<f64>,
}
