//! What can go wrong with an import.

use std::path::PathBuf;

use oci::Digest;
use oci::image::NoPlatform;
use oci::layout::LayoutError;

use crate::containerd;

/// Why an image could not be imported. Nothing of it stays in containerd.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// containerd refused a step or is gone.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// The layout does not have the image, or is damaged.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A blob could not be read, or is not what its digest says.
    #[error("blob {digest} of `{}` cannot be imported", layout.display())]
    Blob {
        /// The layout it is in.
        layout: PathBuf,
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// The config does not list one diff ID for each layer, or lists none that are digests.
    #[error("config {config} of `{}` does not list a diff ID for each of its {layers} layers", layout.display())]
    DiffIds {
        /// The layout it is in.
        layout: PathBuf,
        /// The config.
        config: Digest,
        /// How many layers the manifest has.
        layers: usize,
    },
    /// The image is for other machines.
    #[error("cannot use an image of `{}`", layout.display())]
    Platform {
        /// The layout it is in.
        layout: PathBuf,
        /// What it is for.
        #[source]
        source: Box<NoPlatform>,
    },
    /// A layer unpacks to something else than the config says.
    #[error("layer {layer} unpacks to {applied}, its config says {expected}")]
    DiffId {
        /// The layer's digest.
        layer: Digest,
        /// Its diff ID in the config.
        expected: Digest,
        /// What containerd unpacked.
        applied: String,
    },
}
