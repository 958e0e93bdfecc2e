//! Why an image fails its verification.

use oci::Digest;

use crate::attest::SignatureError;
use crate::contents::ContentError;

/// Why an image is not what its digest says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the configuration {config} has {expected} diff IDs, and the manifest {layers} layers")]
    Layers {
        config: Digest,
        expected: usize,
        layers: usize,
    },
    #[error("the layer {layer} has the diff ID {actual}, and the configuration says {expected}")]
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
