//! How each kind of error ends the program, and what to do about it.

use std::error::Error;

use cli::{Exit, Verdict};
use oci::layout::LayoutError;
use oci::registry::CredentialError;

use crate::builder::BuildError;
use crate::elf::ElfError;
use crate::resolve::ResolveError;
use crate::target::TargetError;
use crate::workspace::WorkspaceError;

mod registry;

/// The verdict on one link of an error's chain.
pub(crate) fn classify(error: &(dyn Error + 'static)) -> Option<Verdict> {
    if let Some(error) = error.downcast_ref::<BuildError>() {
        return error.part().and_then(classify);
    }
    if let Some(error) = error.downcast_ref() {
        return Some(workspace(error));
    }
    if let Some(error) = error.downcast_ref() {
        return Some(target(error));
    }
    if let Some(error) = error.downcast_ref() {
        return Some(registry::verdict(error));
    }
    if let Some(error) = error.downcast_ref() {
        return registry::publish(error);
    }
    if error.is::<CredentialError>() {
        return Some(Verdict {
            exit: Exit::Authentication,
            hint: None,
        });
    }
    if error.is::<ResolveError>() {
        return Some(Verdict {
            exit: Exit::Usage,
            hint: None,
        });
    }
    if let Some(LayoutError::Damaged { .. }) = error.downcast_ref() {
        return Some(Verdict {
            exit: Exit::Mismatch,
            hint: None,
        });
    }
    if let Some(LayoutError::NotALayout { .. }) = error.downcast_ref() {
        return Some(Verdict {
            exit: Exit::Usage,
            hint: None,
        });
    }
    if let Some(ElfError::Dynamic { .. }) = error.downcast_ref() {
        let hint = "a build script or a dependency may have asked for a shared library; \
                    `ldd` on the binary shows which";
        return Some(Verdict {
            exit: Exit::Failed,
            hint: Some(hint.to_owned()),
        });
    }
    None
}

fn workspace(error: &WorkspaceError) -> Verdict {
    let hint = match error {
        WorkspaceError::NoSuchPackage { similar, .. } => similar
            .as_ref()
            .map(|name| format!("did you mean `{name}`?")),
        WorkspaceError::NoBinary { .. } => {
            Some("an image runs a program: give the package a src/main.rs or a [[bin]]".to_owned())
        }
        WorkspaceError::SeveralBinaries { .. } => {
            Some("choose one with `bin = \"…\"` in [package.metadata.image]".to_owned())
        }
        WorkspaceError::Metadata(_) => {
            Some("run it in the workspace, or name its Cargo.toml with --manifest-path".to_owned())
        }
        WorkspaceError::NoSuchBinary { .. } | WorkspaceError::Settings { .. } => None,
    };
    Verdict {
        exit: Exit::Usage,
        hint,
    }
}

fn target(error: &TargetError) -> Verdict {
    let hint = match error {
        TargetError::NotInstalled { triple, .. } => Some(format!("rustup target add {triple}")),
        TargetError::Rustc { .. } => Some("install Rust: https://rustup.rs".to_owned()),
        TargetError::Unsupported { .. } | TargetError::RustcFailed { .. } => None,
    };
    let exit = match error {
        TargetError::Unsupported { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Verdict { exit, hint }
}
