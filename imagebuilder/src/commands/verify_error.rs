//! Why an image fails its verification.

use oci::Digest;

use crate::attest::SignatureError;
use crate::contents::ContentError;

/// Why an image does not match its digests.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(
        "the configuration {config} has {expected} diff IDs, but the manifest has {layers} layers"
    )]
    Layers {
        config: Digest,
        expected: usize,
        layers: usize,
    },
    #[error("the layer {layer} has the diff ID {actual}, but the configuration has {expected}")]
    DiffId {
        layer: Digest,
        expected: Digest,
        actual: Digest,
    },
    #[error("the configuration {config} has an invalid diff ID")]
    Invalid {
        config: Digest,
        #[source]
        source: oci::DigestError,
    },
}
