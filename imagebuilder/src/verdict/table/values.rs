//! Values that rows of several tables share.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use oci::copy::CopyError;
use oci::image::{DocumentError, Index, NoPlatform};
use oci::layout::LayoutError;
use oci::registry::{CredentialError, Problem, RegistryError};
use oci::{Digest, Mismatch, Platform, Reference, ReferenceError};

use crate::engine::{EngineError, Host};

/// A row whose error has a hint.
pub(super) const HINT: bool = true;

/// A row whose error has none.
pub(super) const NONE: bool = false;

pub(super) fn io_error() -> io::Error {
    io::Error::other("x")
}

pub(super) fn text() -> String {
    "x".to_owned()
}

pub(super) fn path() -> PathBuf {
    "x".into()
}

pub(super) fn digest() -> Digest {
    Digest::of(b"")
}

pub(super) fn reference() -> Box<Reference> {
    Box::new("x".parse().unwrap())
}

pub(super) fn bad_reference() -> ReferenceError {
    "X".parse::<Reference>().unwrap_err()
}

pub(super) fn no_platform() -> NoPlatform {
    Index::new(Vec::new())
        .select(&Platform::host())
        .unwrap_err()
}

pub(super) fn document_error() -> DocumentError {
    DocumentError::SchemaVersion {
        what: "x",
        actual: 1,
    }
}

pub(super) fn mismatch() -> Mismatch {
    Mismatch::Long {
        digest: digest(),
        expected: 1,
    }
}

pub(super) fn damaged() -> LayoutError {
    LayoutError::Damaged {
        path: path(),
        source: mismatch(),
    }
}

pub(super) fn unread() -> CopyError<LayoutError, LayoutError> {
    CopyError::Read {
        digest: digest(),
        source: damaged(),
    }
}

pub(super) fn unreachable() -> RegistryError {
    RegistryError {
        method: "GET",
        url: "https://r.example/v2/".to_owned(),
        problem: Box::new(Problem::Unreachable(io_error().into())),
        gave_up: None,
    }
}

pub(super) fn credential_error(unreachable: bool) -> CredentialError {
    let source: Box<dyn Error + Send + Sync> = "x".into();
    CredentialError {
        registry: text(),
        origin: text(),
        unreachable,
        source,
    }
}

pub(super) fn engine() -> Host {
    Host::Socket(path())
}

pub(super) fn no_such_image() -> EngineError {
    EngineError::NoSuchImage {
        host: engine(),
        reference: reference(),
    }
}
