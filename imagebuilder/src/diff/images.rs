//! Compares two images: their documents, and their layers, platform by platform.

use std::collections::{BTreeMap, BTreeSet};

use oci::copy::Source as _;
use oci::image::Manifest;
use oci::{Descriptor, Kind};
use serde_json::Value;

use super::documents::fields;
use super::layers::{self, Layer};
use super::report::{Difference, Side, What};
use crate::contents::ContentError;
use crate::image_source::{ImageSource, SourceError};

/// An image to compare.
#[derive(Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) source: &'a ImageSource,
    pub(crate) root: &'a Descriptor,
    /// Its manifests: one, or those of the index.
    pub(crate) manifests: &'a [(Descriptor, Manifest)],
}

impl Compared<'_> {
    /// The manifests by platform.
    fn by_platform(&self) -> Result<BTreeMap<String, &(Descriptor, Manifest)>, SourceError> {
        let mut found = BTreeMap::new();
        for both in self.manifests {
            let (descriptor, manifest) = both;
            let platform = match &descriptor.platform {
                Some(platform) => platform.to_string(),
                None => self.source.config(&manifest.config)?.platform().to_string(),
            };
            found.insert(platform, both);
        }
        Ok(found)
    }
}

/// The differences of two images; none if their digests are the same.
pub(crate) fn compare(a: Compared<'_>, b: Compared<'_>) -> Result<Vec<Difference>, ContentError> {
    let mut found = Vec::new();
    if a.root.digest == b.root.digest {
        return Ok(found);
    }
    let index = |image: Compared<'_>| {
        if image.root.media_type.kind() != Kind::Index {
            return Ok(Value::Null);
        }
        let bytes = image.source.document(image.root)?;
        Ok::<_, SourceError>(json(&bytes, &["manifests"]))
    };
    let all = |what| Difference {
        platform: None,
        what,
    };
    found.extend(documents("index", &index(a)?, &index(b)?).map(all));
    let (manifests_a, manifests_b) = (a.by_platform()?, b.by_platform()?);
    let platforms = manifests_a.keys().chain(manifests_b.keys());
    for platform in platforms.collect::<BTreeSet<_>>() {
        let what = match (manifests_a.get(platform), manifests_b.get(platform)) {
            (Some(left), Some(right)) => manifests((a.source, left), (b.source, right))?,
            (Some(_), None) => vec![What::Platform { only_in: Side::A }],
            (None, _) => vec![What::Platform { only_in: Side::B }],
        };
        let platform = Some(platform.clone());
        found.extend(what.into_iter().map(|what| Difference {
            platform: platform.clone(),
            what,
        }));
    }
    Ok(found)
}

type Of<'a> = (&'a ImageSource, &'a (Descriptor, Manifest));

fn manifests(a: Of<'_>, b: Of<'_>) -> Result<Vec<What>, ContentError> {
    let ((source_a, (descriptor_a, manifest_a)), (source_b, (descriptor_b, manifest_b))) = (a, b);
    if descriptor_a.digest == descriptor_b.digest {
        return Ok(Vec::new());
    }
    // The layers and the configuration are compared separately.
    let manifest = |source: &ImageSource, descriptor: &Descriptor| {
        let bytes = source.document(descriptor)?;
        Ok::<_, SourceError>(json(&bytes, &["config", "layers"]))
    };
    let left = manifest(source_a, descriptor_a)?;
    let right = manifest(source_b, descriptor_b)?;
    let mut found: Vec<What> = documents("manifest", &left, &right).collect();
    let config = |source: &ImageSource, manifest: &Manifest| {
        let most = oci::image::MAX_DOCUMENT_BYTES;
        let bytes = source.blob(&manifest.config, most)?;
        Ok::<_, SourceError>(json(&bytes, &["rootfs"]))
    };
    let left = config(source_a, manifest_a)?;
    let right = config(source_b, manifest_b)?;
    found.extend(documents("config", &left, &right));
    for layer in 0..manifest_a.layers.len().max(manifest_b.layers.len()) {
        let left = at(source_a, manifest_a, layer);
        let right = at(source_b, manifest_b, layer);
        found.extend(layers::compare(layer, left, right)?);
    }
    Ok(found)
}

fn at<'a>(source: &'a ImageSource, manifest: &'a Manifest, layer: usize) -> Option<Layer<'a>> {
    let descriptor = manifest.layers.get(layer)?;
    Some(Layer { source, descriptor })
}

fn documents(document: &'static str, a: &Value, b: &Value) -> impl Iterator<Item = What> {
    let fields = fields(a, b).into_iter();
    fields.map(move |(field, a, b)| What::Field {
        document,
        field,
        a,
        b,
    })
}

/// A document without some of its fields. It was parsed before.
fn json(bytes: &[u8], without: &[&str]) -> Value {
    let mut value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.retain(|key, _| !without.contains(&key.as_str()));
    }
    value
}
