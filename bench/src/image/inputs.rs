//! The inputs of a run.

use std::path::PathBuf;

/// The inputs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    pub(crate) imagebuilder: PathBuf,
    pub(crate) elf: Vec<PathBuf>,
    pub(crate) crane: Option<PathBuf>,
    pub(crate) umoci: Option<PathBuf>,
    pub(crate) buildah: Option<PathBuf>,
    pub(crate) docker: Option<PathBuf>,
    pub(crate) dockerd: Option<PathBuf>,
    /// The binary that only hashes and compresses.
    pub(crate) compress: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) file_bytes: u64,
}
