//! Descriptors: the type, digest and size of content.
//!
//! The type in oci-spec keeps annotations in a hash map, so serialising it twice can give two texts and
//! two digests; here they are sorted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, MediaType, Platform, annotation};

/// The type, digest and size of some content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the content.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Annotations, sorted.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The platform, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact, for a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
}

/// Go writes an empty map as `null`.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Descriptor {
    /// Describes content by type, digest and size alone.
    pub fn new(media_type: impl Into<MediaType>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// Describes `bytes`.
    pub fn of(media_type: impl Into<MediaType>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The name in a layout's index: the full one if there is one.
    pub fn ref_name(&self) -> Option<&str> {
        let get = |key| self.annotations.get(key).map(String::as_str);
        // An entry with an image name has the full name as its reference name.
        let ours = get(annotation::IMAGE_NAME).and_then(|_| get(annotation::REF_NAME));
        ours.or_else(|| get(annotation::CONTAINERD_IMAGE_NAME))
            .or_else(|| get(annotation::REF_NAME))
    }
}
