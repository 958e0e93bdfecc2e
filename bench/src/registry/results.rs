//! The results of a run, as stored in `bench/results/registry.json`: raw figures, with the unit in
//! the key.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// The version of this schema.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// One run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) image_bytes: u64,
    pub(crate) layers: usize,
    /// This program first.
    pub(crate) programs: Vec<Program>,
    pub(crate) nothing_new: NothingNew,
    pub(crate) services: Services,
}

/// The figures of one program; those with the same index are of the same round.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) push_seconds: Vec<f64>,
    pub(crate) push_cpu_seconds: Vec<f64>,
    /// CPU time of the registry, for the same push.
    pub(crate) registry_cpu_seconds: Vec<f64>,
    pub(crate) peak_rss_bytes: u64,
    /// The same image again.
    pub(crate) again_seconds: Vec<f64>,
}

/// A push of an existing image for one platform.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingNew {
    pub(crate) requests: usize,
    pub(crate) sent_bytes: u64,
}

/// Services that are pushed at once to a registry with Amazon ECR's rates.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    pub(crate) count: usize,
    pub(crate) seconds: f64,
    /// The shortest time that the rates allow.
    pub(crate) allowed_seconds: f64,
    /// How often the registry refused a request for its rate.
    pub(crate) refused: u32,
    /// How often the layer that all share was sent.
    pub(crate) base_sent: usize,
}
