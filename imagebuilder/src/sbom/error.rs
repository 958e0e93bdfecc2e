//! Why bills of materials cannot be written.

use std::io;
use std::path::PathBuf;

use super::lock::LockError;
use crate::workspace::WorkspaceError;

/// Why a bill of materials could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SbomError {
    /// Cargo did not report the dependency graph.
    #[error("cannot read the dependencies of package `{package}`")]
    Graph {
        package: String,
        #[source]
        source: Box<WorkspaceError>,
    },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}
