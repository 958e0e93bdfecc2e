//! What can be wrong with a layout.

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
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A document in the layout cannot be understood.
    #[error("cannot read `{}`", path.display())]
    Document {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A blob that something refers to is not there.
    #[error("blob {digest} is missing from `{}`", path.display())]
    MissingBlob {
        /// The layout.
        path: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A blob does not have the digest or size it should.
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
    #[error("`{}` has no image `{reference}`, only {available}", path.display())]
    NoSuchImage {
        /// The layout.
        path: PathBuf,
        /// What was looked for.
        reference: Box<Reference>,
        /// The images there are, divided by commas.
        available: String,
    },
}

impl LayoutError {
    /// Whether content did not have the digest or size it claims.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// What an error of a layout asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutErrorKind {
    /// What was requested does not exist; another directory, image or platform may.
    Argument,
    /// The content is not what its digest or size says.
    Mismatch,
    /// Content that the layout refers to is missing.
    Incomplete,
    /// The file system or a document failed.
    Other,
}

impl LayoutError {
    /// What it asks of the caller.
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
