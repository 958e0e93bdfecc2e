//! Why an image could not be rebuilt.

use oci::Digest;

use crate::image_source::SourceError;

/// Why an image could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{digest} has no provenance of imagebuilder{}", if *signed { " that this key signed" } else { "" })]
    NoProvenance { digest: Digest, signed: bool },
    #[error("the provenance of {digest} is refused: {problem}")]
    Refused { digest: Digest, problem: String },
    #[error("cannot create a directory to build in")]
    Directory(#[source] std::io::Error),
    #[error("cannot run `git`")]
    Git(#[source] std::io::Error),
    #[error("cannot check out {commit} of {repository}: {problem}")]
    Checkout {
        commit: String,
        repository: String,
        problem: String,
    },
    /// The two images differ.
    #[error("the rebuilt image is {rebuilt}, not {original}")]
    Differ { original: Digest, rebuilt: Digest },
}
