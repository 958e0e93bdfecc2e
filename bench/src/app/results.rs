//! The results of a run, as stored in `bench/results/app.json`: raw figures, with the unit in the key.

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
    pub(crate) subjects: Vec<Subject>,
    pub(crate) image: Option<Image>,
    pub(crate) image_with_otlp: Option<Image>,
    pub(crate) quota: Vec<Quota>,
    #[serde(default)]
    pub(crate) one_shot: Option<OneShot>,
}

/// The parameters of the measurement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) round_millis: u64,
    pub(crate) connections: usize,
    /// The constant rate of the second series, for the subjects that can keep it.
    pub(crate) rate: u32,
}

/// The figures of one program.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    pub(crate) key: String,
    pub(crate) name: String,
    /// In a closed loop, at full speed.
    pub(crate) closed: Series,
    /// At a constant rate below saturation.
    pub(crate) constant: Option<Series>,
    pub(crate) idle_rss_bytes: u64,
    /// With 1,000 kept-alive connections that each carried a request.
    pub(crate) rss_1000_bytes: Option<u64>,
    pub(crate) start_micros: Vec<f64>,
}

impl Subject {
    /// The share of each of the 1,000 connections in the resident set.
    pub(crate) fn bytes_per_connection(&self) -> Option<u64> {
        Some(self.rss_1000_bytes?.saturating_sub(self.idle_rss_bytes) / 1000)
    }
}

/// Clients that open a connection for each request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneShot {
    pub(crate) app: Series,
    /// The loop that accepts, responds and closes.
    pub(crate) floor: Series,
}

/// An image as a registry would keep it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    /// Manifest, configuration and compressed layers of one platform.
    pub(crate) compressed_bytes: u64,
}

/// One program under a share of a CPU.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    pub(crate) name: String,
    /// The cgroup's CPU limit, in CPUs; `None`: unlimited.
    pub(crate) cpus: Option<f64>,
    pub(crate) period_millis: u64,
    /// `None` is a closed loop.
    pub(crate) rate: Option<u32>,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) max_micros: f64,
    /// The share of the periods in which it ran that were throttled.
    pub(crate) throttled_percent: f64,
}
