//! The results of a run, as stored in `bench/results/image.json`: raw figures, with the unit in the key.

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
    pub(crate) file_bytes: u64,
    /// This program first, with each of its compressions.
    pub(crate) packers: Vec<Packer>,
    pub(crate) nothing_new: NothingNew,
    pub(crate) large: Large,
}

/// The figures of one packer; those with the same index are of the same round.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Packer {
    pub(crate) name: String,
    pub(crate) seconds: Vec<f64>,
    pub(crate) cpu_seconds: Vec<f64>,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) output_bytes: u64,
}

/// Builds of an unchanged small package.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingNew {
    pub(crate) cargo_seconds: Vec<f64>,
    pub(crate) imagebuilder_seconds: Vec<f64>,
}

/// A file that is larger than the memory that packing may take.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Large {
    pub(crate) file_bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) peak_rss_bytes: u64,
}
