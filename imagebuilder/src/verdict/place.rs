//! Exit codes and hints of errors of places that images are copied from or to.

use std::io;

use cli::{Exit, Verdict};
use oci::Mismatch;
use oci::copy::CopyError;
use oci::layout::LayoutError;
use oci::registry::RegistryError;

use super::layout::{file_system, layout};
use super::registry_exit::exit;
use super::registry_hint::hint;

/// An error of a place.
pub(super) trait PlaceError: std::error::Error + Send + Sync + 'static {
    /// Its exit code and hint.
    fn verdict(&self) -> Verdict;
}

impl PlaceError for LayoutError {
    fn verdict(&self) -> Verdict {
        layout(self)
    }
}

/// A tar that is written or sent. A blob of its source may be damaged.
impl PlaceError for io::Error {
    fn verdict(&self) -> Verdict {
        let exit = match Mismatch::of(self) {
            Some(_) => Exit::Mismatch,
            None => Exit::Failed,
        };
        let hint = file_system(self);
        Verdict { exit, hint }
    }
}

impl PlaceError for RegistryError {
    fn verdict(&self) -> Verdict {
        Verdict {
            exit: exit(&self.problem),
            hint: hint(self),
        }
    }
}

/// The exit code and hint of an error of a copy.
pub(super) fn copy<S: PlaceError, D: PlaceError>(error: &CopyError<S, D>) -> Verdict {
    match error {
        CopyError::Read { source, .. } => source.verdict(),
        CopyError::Write { source, .. } | CopyError::Name { source, .. } => source.verdict(),
        CopyError::Document { .. } | CopyError::Kind { .. } => Verdict {
            exit: Exit::Failed,
            hint: None,
        },
    }
}
