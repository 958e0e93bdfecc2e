//! Errors of layouts, and of copies from them.

use cli::{Exit, Verdict};
use oci::copy::CopyError;
use oci::layout::LayoutError;
use oci::registry::RegistryError;

use super::registry::registry;

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

/// The verdict on an error of a push.
pub(super) fn copy(error: &CopyError<LayoutError, RegistryError>) -> Verdict {
    match error {
        CopyError::Read { source, .. } => layout(source),
        CopyError::Write { source, .. } | CopyError::Name { source, .. } => registry(source),
        CopyError::Document { .. } | CopyError::Kind { .. } => Verdict {
            exit: Exit::Failed,
            hint: None,
        },
    }
}
