//! Why images cannot be copied.

use std::error::Error;

use super::destination::Destination;
use super::source::Source;
use crate::image::DocumentError;
use crate::{Digest, MediaType};

/// Why an image could not be copied from a source with errors `S` to a destination with errors `D`.
#[derive(Debug, thiserror::Error)]
pub enum CopyError<S: Error + 'static, D: Error + 'static> {
    /// A manifest or index could not be read.
    #[error("cannot read {digest}")]
    Read {
        /// Its digest.
        digest: Digest,
        /// The source's error.
        #[source]
        source: S,
    },
    /// A manifest or index is invalid.
    #[error("cannot parse {digest}")]
    Document {
        /// Its digest.
        digest: Digest,
        /// What is invalid.
        #[source]
        source: DocumentError,
    },
    /// A descriptor describes neither a manifest nor an index.
    #[error("{digest} is neither an image manifest nor an index, but a `{media_type}`")]
    Kind {
        /// The descriptor's digest.
        digest: Digest,
        /// The descriptor's media type.
        media_type: MediaType,
    },
    /// A blob, manifest or index could not be stored.
    #[error("cannot store {digest}")]
    Write {
        /// Its digest.
        digest: Digest,
        /// The destination's error.
        #[source]
        source: D,
    },
    /// The image could not be named.
    #[error("cannot name {digest} `{name}`")]
    Name {
        /// The image's digest.
        digest: Digest,
        /// The name.
        name: String,
        /// The destination's error.
        #[source]
        source: D,
    },
}

/// The result of copying from an `S` to a `D`.
pub(crate) type Copied<T, S, D> =
    Result<T, CopyError<<S as Source>::Error, <D as Destination>::Error>>;
