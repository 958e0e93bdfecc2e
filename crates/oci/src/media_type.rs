//! Media types: the exact text, and what it means here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The media type of some content, spelled as in its descriptor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(String);

/// The kind of content that a media type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image manifest.
    Manifest,
    /// An index of manifests (Docker: manifest list).
    Index,
    /// An image configuration.
    Config,
    /// A filesystem layer.
    Layer(Compression),
    /// Anything else: artifacts, attestations, foreign layers.
    Other,
}

/// How a layer's tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl MediaType {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// An OCI image configuration.
    pub const OCI_CONFIG: &'static str = "application/vnd.oci.image.config.v1+json";
    /// An OCI layer that is not compressed.
    pub const OCI_LAYER: &'static str = "application/vnd.oci.image.layer.v1.tar";
    /// An OCI layer, compressed with zstd.
    pub const OCI_LAYER_ZSTD: &'static str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// An OCI layer, compressed with gzip.
    pub const OCI_LAYER_GZIP: &'static str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// The configuration of an artifact that has none.
    pub const EMPTY_JSON: &'static str = "application/vnd.oci.empty.v1+json";
    /// A Docker image manifest (version 2, schema 2).
    pub const DOCKER_MANIFEST: &'static str =
        "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_INDEX: &'static str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A Docker image configuration.
    pub const DOCKER_CONFIG: &'static str = "application/vnd.docker.container.image.v1+json";

    /// The media type spelled `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// An OCI layer.
    pub fn layer(compression: Compression) -> Self {
        Self::new(match compression {
            Compression::None => Self::OCI_LAYER,
            Compression::Gzip => Self::OCI_LAYER_GZIP,
            Compression::Zstd => Self::OCI_LAYER_ZSTD,
        })
    }

    /// Its exact text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether content of this type is a layer that may not be distributed: a registry has only its
    /// descriptor, and the blob is at the descriptor's URLs.
    pub fn is_foreign(&self) -> bool {
        self.0
            .starts_with("application/vnd.docker.image.rootfs.foreign.")
            || self
                .0
                .starts_with("application/vnd.oci.image.layer.nondistributable.")
    }

    /// The kind of content.
    pub fn kind(&self) -> Kind {
        match self.0.as_str() {
            Self::OCI_MANIFEST | Self::DOCKER_MANIFEST => Kind::Manifest,
            Self::OCI_INDEX | Self::DOCKER_INDEX => Kind::Index,
            Self::OCI_CONFIG | Self::DOCKER_CONFIG => Kind::Config,
            Self::OCI_LAYER | "application/vnd.docker.image.rootfs.diff.tar" => {
                Kind::Layer(Compression::None)
            }
            Self::OCI_LAYER_GZIP | "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
                Kind::Layer(Compression::Gzip)
            }
            Self::OCI_LAYER_ZSTD | "application/vnd.docker.image.rootfs.diff.tar.zstd" => {
                Kind::Layer(Compression::Zstd)
            }
            _ => Kind::Other,
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
