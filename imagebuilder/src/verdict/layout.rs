//! Errors of layouts.

use cli::{Exit, Verdict};
use oci::layout::{LayoutError, LayoutErrorKind};

/// The verdict on an error of a layout.
pub(super) fn layout(error: &LayoutError) -> Verdict {
    let damaged = || Some("the layout is damaged: build the image again".to_owned());
    let (exit, hint) = match error.kind() {
        LayoutErrorKind::Argument => (Exit::Usage, None),
        LayoutErrorKind::Mismatch => (Exit::Mismatch, damaged()),
        LayoutErrorKind::Incomplete => (Exit::Failed, damaged()),
        LayoutErrorKind::Other => (Exit::Failed, None),
    };
    Verdict { exit, hint }
}
