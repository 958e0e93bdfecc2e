//! The errors of layouts.

use std::io;
use std::path::PathBuf;

use crate::image::{DocumentError, NoPlatform};
use crate::{Descriptor, Digest, Mismatch, Reference};

/// Why a layout could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The directory is not a layout.
    #[error("`{}` is not an OCI image layout: {problem}", path.display())]
    NotALayout {
        /// The directory.
        path: PathBuf,
        /// What is missing or wrong.
        problem: &'static str,
    },
    /// A file is not an archive of images.
    #[error("`{}` is not an archive of images: {problem}", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        problem: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {operation} `{}`", path.display())]
    Io {
        /// The operation.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// A document in the layout is invalid.
    #[error("cannot read `{}`", path.display())]
    Document {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A blob that a document refers to does not exist.
    #[error("blob {digest} is missing from `{}`", path.display())]
    MissingBlob {
        /// The layout.
        path: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A blob does not have the expected digest or size.
    #[error("a blob of `{}` is damaged", path.display())]
    Damaged {
        /// The layout.
        path: PathBuf,
        /// How it differs.
        #[source]
        source: Mismatch,
    },
    /// A descriptor describes another kind of content than requested.
    #[error("{} is a `{}`, not {wanted}", descriptor.digest, descriptor.media_type)]
    WrongKind {
        /// The descriptor.
        descriptor: Box<Descriptor>,
        /// The kind requested.
        wanted: &'static str,
    },
    /// An index has no manifest for a platform.
    #[error("cannot use {digest} of `{}`", path.display())]
    NoPlatform {
        /// The layout.
        path: PathBuf,
        /// The index.
        digest: Digest,
        /// Which platforms there are.
        #[source]
        source: Box<NoPlatform>,
    },
    /// The layout has no image of that name or digest.
    #[error("`{}` has no image `{reference}`; available: {available}", path.display())]
    NoSuchImage {
        /// The layout.
        path: PathBuf,
        /// The requested name or digest.
        reference: Box<Reference>,
        /// The available images, separated by commas.
        available: String,
    },
}

/// The kinds of errors, by what a caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutErrorKind {
    /// The request is wrong: another directory, image or platform may exist.
    Argument,
    /// The content does not have its digest or size.
    Mismatch,
    /// Content that the layout refers to is missing.
    Incomplete,
    /// The file system or a document failed.
    Other,
}

impl LayoutError {
    /// The kind of the error.
    pub fn kind(&self) -> LayoutErrorKind {
        match self {
            Self::NotALayout { .. }
            | Self::NotAnArchive { .. }
            | Self::NoSuchImage { .. }
            | Self::NoPlatform { .. } => LayoutErrorKind::Argument,
            Self::Damaged { .. } => LayoutErrorKind::Mismatch,
            Self::MissingBlob { .. } => LayoutErrorKind::Incomplete,
            Self::Io { .. } | Self::Document { .. } | Self::WrongKind { .. } => {
                LayoutErrorKind::Other
            }
        }
    }
}
