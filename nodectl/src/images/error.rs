//! Errors of imports.

use std::path::PathBuf;

use oci::Digest;
use oci::image::NoPlatform;
use oci::layout::LayoutError;

use crate::containerd;

/// Why an image could not be imported. No part of it is left in containerd.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A call to containerd failed.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// The layout does not have the image, or is damaged.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A blob cannot be read, or does not match its digest.
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
    /// The config does not list one valid diff ID for each layer.
    #[error("config {config} of `{}` does not list a diff ID for each of its {layers} layers", layout.display())]
    DiffIds {
        /// The layout it is in.
        layout: PathBuf,
        /// The config.
        config: Digest,
        /// How many layers the manifest has.
        layers: usize,
    },
    /// The image is for another platform.
    #[error("cannot use an image of `{}`", layout.display())]
    Platform {
        /// The layout it is in.
        layout: PathBuf,
        /// Its platform.
        #[source]
        source: Box<NoPlatform>,
    },
    /// A layer's unpacked content does not match its diff ID in the config.
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
