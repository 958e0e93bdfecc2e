//! The index of an image's manifests, one for each platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{self, DocumentError};
use crate::descriptor::null_is_empty;
use crate::{Descriptor, Kind, MediaType, Platform};

/// Manifests, and the platform of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    /// The media type in the document; the `index.json` of a layout often has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The kind of artifact, if it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The manifest or index that it is a referrer of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// The manifests, and indexes below this one.
    #[serde(deserialize_with = "null_is_empty")]
    pub manifests: Vec<Descriptor>,
    /// Annotations, sorted.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// An index has no manifest for a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no image for {wanted}; available: {available}")]
pub struct NoPlatform {
    /// The requested platform.
    pub wanted: Platform,
    /// The available platforms, separated by commas.
    pub available: String,
}

impl Index {
    /// An OCI index.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_INDEX.into()),
            artifact_type: None,
            subject: None,
            manifests,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads an OCI index or a Docker manifest list.
    ///
    /// # Errors
    /// If `bytes` are too many, not JSON, or another document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let what = "image index";
        let index: Self = json::parse(what, bytes)?;
        json::check(
            what,
            index.schema_version,
            index.media_type.as_ref(),
            Kind::Index,
        )?;
        Ok(index)
    }

    /// Its canonical bytes, and their descriptor.
    pub fn to_bytes(&self) -> (Vec<u8>, Descriptor) {
        json::described(self, self.media_type.as_ref(), MediaType::OCI_INDEX)
    }

    /// The first manifest that runs on `machine`.
    ///
    /// # Errors
    /// [`NoPlatform`] if none does.
    pub fn select(&self, machine: &Platform) -> Result<&Descriptor, NoPlatform> {
        let of = |descriptor: &&Descriptor| {
            descriptor
                .platform
                .as_ref()
                .is_some_and(|platform| platform.runs_on(machine))
        };
        self.manifests.iter().find(of).ok_or_else(|| {
            let platforms = self.manifests.iter().filter_map(|d| d.platform.as_ref());
            let available: Vec<_> = platforms.map(ToString::to_string).collect();
            let available = if available.is_empty() {
                "none".to_owned()
            } else {
                available.join(", ")
            };
            NoPlatform {
                wanted: machine.clone(),
                available,
            }
        })
    }
}
