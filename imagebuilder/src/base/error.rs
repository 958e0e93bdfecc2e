//! Why a base cannot be used.

use std::io;
use std::path::PathBuf;

use oci::image::{DocumentError, NoPlatform};
use oci::layout::LayoutError;
use oci::registry::RegistryError;
use oci::{Digest, DigestError, MediaType};

/// Why a base cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaseError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("{digest} is not a document of an image")]
    Document {
        digest: Digest,
        #[source]
        source: DocumentError,
    },
    #[error("cannot read {digest}")]
    Read {
        digest: Digest,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Platform(Box<NoPlatform>),
    #[error("the layer {digest} is a `{media_type}`, which is not supported")]
    Layer {
        digest: Digest,
        media_type: MediaType,
    },
    #[error(
        "its configuration {config} has {diff_ids} diff IDs, but its manifest has {layers} layers"
    )]
    Layers {
        config: Digest,
        diff_ids: usize,
        layers: usize,
    },
    #[error("its configuration {config} has an invalid diff ID")]
    DiffId {
        config: Digest,
        #[source]
        source: DigestError,
    },
    #[error("`{}` has {actual} under that name, but imagebuilder.lock pins {pinned}", layout.display())]
    Moved {
        layout: PathBuf,
        pinned: Digest,
        actual: Digest,
    },
    #[error("`{}` has {count} images, but only one can be used", layout.display())]
    Several { layout: PathBuf, count: usize },
    #[error("it is not in `{}`, and --locked or --frozen was given", lock.display())]
    Unpinned { lock: PathBuf },
    #[error("it is not on this machine, and --offline or --frozen was given")]
    Offline,
}
