//! The options for the bills of materials of a run.

use std::path::PathBuf;

use super::error::SbomError;
use super::format::Format;

/// The destinations of a run's bills of materials.
#[derive(Clone, Debug)]
pub(crate) struct SbomOptions {
    /// Attaches each to its platform's image.
    pub(crate) attach: bool,
    /// Writes each to a file in this directory, which is created if it does not exist.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) format: Format,
}

impl SbomOptions {
    /// Checks that the files can be written.
    pub(crate) fn check(&self) -> Result<(), SbomError> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        cli::check_replaceable(&directory.join("sbom")).map_err(|source| SbomError::Write {
            path: directory.clone(),
            source,
        })
    }

    /// Whether bills of materials are needed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.attach || self.directory.is_some()
    }
}
