//! Errors of layouts.

use std::io;

use cli::{Exit, Verdict};
use oci::layout::{LayoutError, LayoutErrorKind};

/// The exit code and hint of an error of a layout.
pub(super) fn layout(error: &LayoutError) -> Verdict {
    if let LayoutError::Io {
        operation, source, ..
    } = error
    {
        let is_read = matches!(*operation, "list" | "open" | "read");
        return Verdict {
            exit: Exit::Failed,
            hint: file_system(source).filter(|_| !is_read),
        };
    }
    let damaged = || Some("the image is damaged: create it again from its source".to_owned());
    let (exit, hint) = match error.kind() {
        LayoutErrorKind::Argument => (Exit::Usage, None),
        LayoutErrorKind::Mismatch => (Exit::Mismatch, damaged()),
        LayoutErrorKind::Incomplete => (Exit::Failed, damaged()),
        LayoutErrorKind::Other => (Exit::Failed, None),
    };
    Verdict { exit, hint }
}

/// What to do if the file system cannot store a file.
pub(super) fn file_system(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space there, or choose another destination"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "choose another destination"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
