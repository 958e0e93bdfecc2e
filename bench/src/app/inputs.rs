//! The inputs of a run: the programs to measure, and for how long.

use std::path::PathBuf;
use std::time::Duration;

/// The inputs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    pub(crate) app: PathBuf,
    pub(crate) podinfo: Option<PathBuf>,
    pub(crate) venv: Option<PathBuf>,
    pub(crate) flask: PathBuf,
    pub(crate) image: Option<PathBuf>,
    pub(crate) image_with_otlp: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) connections: usize,
}
