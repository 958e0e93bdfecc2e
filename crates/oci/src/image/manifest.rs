//! The manifest of one image for one platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{self, DocumentError};
use crate::descriptor::null_is_empty;
use crate::{Descriptor, Kind, MediaType};

/// The configuration of an artifact that has none.
pub const EMPTY_JSON: &[u8] = b"{}";

/// A configuration and its layers, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    /// The media type in the document; absent in some of the first OCI images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The kind of artifact, if it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The manifest or index that it is a referrer of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// Annotations, sorted.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An OCI manifest.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_MANIFEST.into()),
            artifact_type: None,
            subject: None,
            config,
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// The manifest of an artifact, such as a bill of materials, that refers to `subject`. Its
    /// configuration is [`EMPTY_JSON`].
    pub fn artifact(
        artifact_type: impl Into<MediaType>,
        subject: &Descriptor,
        blobs: Vec<Descriptor>,
    ) -> Self {
        let Descriptor {
            media_type,
            digest,
            size,
            ..
        } = subject.clone();
        Self {
            artifact_type: Some(artifact_type.into()),
            subject: Some(Descriptor::new(media_type, digest, size)),
            ..Self::new(Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON), blobs)
        }
    }

    /// Reads an OCI or Docker manifest.
    ///
    /// # Errors
    /// If `bytes` are too many, not JSON, or another document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let what = "image manifest";
        let manifest: Self = json::parse(what, bytes)?;
        json::check(
            what,
            manifest.schema_version,
            manifest.media_type.as_ref(),
            Kind::Manifest,
        )?;
        Ok(manifest)
    }

    /// Its canonical bytes, and their descriptor.
    pub fn to_bytes(&self) -> (Vec<u8>, Descriptor) {
        json::described(self, self.media_type.as_ref(), MediaType::OCI_MANIFEST)
    }
}
