//! Reads the documents that are attached to an image.

use std::collections::BTreeSet;

use oci::copy::Source as _;
use oci::{Descriptor, MediaType};

use crate::image_source::{ImageSource, SourceError};

/// The largest document that is read: bills of materials of large images have a few MiB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A document that is attached to an image.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    /// Its manifest, as described in a list of referrers.
    pub(crate) referrer: Descriptor,
    pub(crate) media_type: MediaType,
    pub(crate) document: Vec<u8>,
}

/// Reads the documents of these media types that are attached to `subject`, sorted by digest.
pub(crate) fn attached(
    source: &ImageSource,
    subject: &Descriptor,
    media_types: &[&str],
) -> Result<Vec<Attached>, SourceError> {
    let is = |media_type: &MediaType| media_types.contains(&media_type.as_str());
    let mut referrers = source.referrers(&BTreeSet::from([subject.digest]))?;
    referrers.retain(|referrer| referrer.artifact_type.as_ref().is_some_and(is));
    referrers.sort_by_key(|referrer| referrer.digest);
    referrers.dedup_by_key(|referrer| referrer.digest);
    let mut found = Vec::new();
    for referrer in referrers {
        let manifest = source.manifest(&referrer)?;
        for blob in manifest.layers {
            if is(&blob.media_type) {
                let document = source.blob(&blob, MAX_BYTES)?;
                let (referrer, media_type) = (referrer.clone(), blob.media_type);
                found.push(Attached {
                    referrer,
                    media_type,
                    document,
                });
            }
        }
    }
    Ok(found)
}
