//! Errors of layouts.

use cli::{Exit, Verdict};
use oci::layout::LayoutError;

/// The verdict on an error of a layout.
pub(super) fn layout(error: &LayoutError) -> Verdict {
    let exit = match error {
        LayoutError::NotALayout { .. } | LayoutError::NoSuchImage { .. } => Exit::Usage,
        LayoutError::Damaged { .. } => Exit::Mismatch,
        LayoutError::Io { .. }
        | LayoutError::Document { .. }
        | LayoutError::MissingBlob { .. }
        | LayoutError::WrongKind { .. }
        | LayoutError::NoPlatform { .. } => Exit::Failed,
    };
    let hint = None;
    Verdict { exit, hint }
}
