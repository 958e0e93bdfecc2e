//! Copies what refers to an image: signatures, attestations, bills of materials.
//!
//! Each is a manifest of its own, which names the image as its subject; nothing in the image names
//! it.

use std::collections::BTreeSet;

use crate::copy::{Copied, CopyError, CopyEvent, Destination, Source, copy};
use crate::image::Index;
use crate::{Descriptor, Digest, Kind};

/// The most referrers that are copied: the list is the source's.
const MAX_REFERRERS: u64 = 10_000;

/// Copies all that refers to the image `root`, to its manifests, and to what is copied. Returns how
/// many manifests and indexes these are.
///
/// # Errors
/// At the first thing that fails; what was copied by then stays.
pub fn copy_referrers<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    root: &Descriptor,
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<u64, S, D> {
    let mut open = subjects::<S, D>(source, root)?;
    let mut seen: BTreeSet<Digest> = open.iter().copied().collect();
    let mut count = 0;
    while let Some(subject) = open.pop() {
        let read = |source| CopyError::Read {
            digest: subject,
            source,
        };
        for referrer in source.referrers(&subject).map_err(read)? {
            if count == MAX_REFERRERS || !seen.insert(referrer.digest) {
                continue;
            }
            attach(source, destination, &referrer, events)?;
            open.push(referrer.digest);
            count += 1;
        }
    }
    Ok(count)
}

/// The digests that may have referrers: the image and, of an index, its manifests.
fn subjects<S: Source, D: Destination>(source: &S, root: &Descriptor) -> Copied<Vec<Digest>, S, D> {
    let mut found = vec![root.digest];
    if root.media_type.kind() == Kind::Index {
        let digest = root.digest;
        let bytes = source
            .document(root)
            .map_err(|source| CopyError::Read { digest, source })?;
        let index =
            Index::parse(&bytes).map_err(|source| CopyError::Document { digest, source })?;
        for child in index.manifests {
            found.extend(subjects::<S, D>(source, &child)?);
        }
    }
    Ok(found)
}

/// Copies one referrer. One that is there may not be in the list: a copy may have been killed between
/// the two.
fn attach<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    referrer: &Descriptor,
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<(), S, D> {
    let digest = referrer.digest;
    let write = |source| CopyError::Write { digest, source };
    if !destination.has_document(referrer).map_err(write)? {
        return copy(source, destination, referrer, &[], events);
    }
    let bytes = source
        .document(referrer)
        .map_err(|source| CopyError::Read { digest, source })?;
    destination.attach(referrer, &bytes).map_err(write)
}
