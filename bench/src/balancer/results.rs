//! The results of a run, as stored in `bench/results/balancer.json`: raw figures, with the unit in the
//! key.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::series::Series;

/// The version of this schema.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// One run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    pub(crate) plan: Plan,
    /// The load balancers, ours first.
    pub(crate) subjects: Vec<Subject>,
}

/// The parameters of the measurement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) round_millis: u64,
    pub(crate) connections: usize,
    pub(crate) pods: usize,
}

/// The figures of one load balancer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Clients that keep their connections.
    pub(crate) kept: Series,
    /// Clients that open a connection for each request.
    pub(crate) short: Series,
}
