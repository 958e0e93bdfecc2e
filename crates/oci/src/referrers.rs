//! Copies an image with its referrers: signatures, attestations, bills of materials.
//!
//! Each is a manifest of its own, whose subject is the image; nothing in the image refers to it.

use std::collections::BTreeSet;
use std::error::Error;

use crate::copy::{Copied, CopyError, CopyEvent, Destination, Source, copy, name_all};
use crate::image::Index;
use crate::{Descriptor, Digest, Kind};

/// The most referrers that are copied: the source decides how many it lists.
const MAX_REFERRERS: usize = 10_000;

/// What is copied with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referrers<'a> {
    /// These manifests and indexes, each of which has a subject.
    These(&'a [Descriptor]),
    /// All referrers of the image, of its manifests, and of the referrers themselves.
    All,
}

/// Copies the image `root` with its referrers, and names it last, so that once the image has a name its
/// referrers are there too. Returns how many referrers there are.
///
/// # Errors
/// The first failure. What was copied before it stays.
pub fn copy_with_referrers<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    root: &Descriptor,
    referrers: Referrers<'_>,
    names: &[&str],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<u64, S, D> {
    let found;
    let referrers = match referrers {
        Referrers::These(referrers) => referrers,
        Referrers::All => {
            found = find_referrers(source, root)?;
            &found
        }
    };
    if referrers.is_empty() {
        copy(source, destination, root, names, events)?;
        return Ok(0);
    }
    copy(source, destination, root, &[], events)?;
    for referrer in referrers {
        attach(source, destination, referrer, events)?;
    }
    if !names.is_empty() {
        let bytes = read(source, root)?;
        name_all::<S, D>(destination, root, &bytes, names, events)?;
    }
    Ok(referrers.len() as u64)
}

/// All referrers of an image, of its manifests, and of the referrers that are found, each after its
/// subject.
///
/// # Errors
/// If something cannot be read or listed. Nothing is written, so `W` can be any error.
pub fn find_referrers<S: Source, W: Error + 'static>(
    source: &S,
    root: &Descriptor,
) -> Result<Vec<Descriptor>, CopyError<S::Error, W>> {
    let mut open = subjects(source, root)?;
    let mut seen = open.clone();
    let mut found: Vec<Descriptor> = Vec::new();
    while !open.is_empty() {
        let digest = root.digest;
        let referrers = source.referrers(&open);
        let referrers = referrers.map_err(|source| CopyError::Read { digest, source })?;
        open = BTreeSet::new();
        for referrer in referrers {
            if found.len() < MAX_REFERRERS && seen.insert(referrer.digest) {
                open.insert(referrer.digest);
                found.push(referrer);
            }
        }
    }
    Ok(found)
}

/// The digests that may have referrers: the image and, of an index, its manifests.
fn subjects<S: Source, W: Error + 'static>(
    source: &S,
    root: &Descriptor,
) -> Result<BTreeSet<Digest>, CopyError<S::Error, W>> {
    let mut found = BTreeSet::from([root.digest]);
    if root.media_type.kind() == Kind::Index {
        let digest = root.digest;
        let bytes = read(source, root)?;
        let index =
            Index::parse(&bytes).map_err(|source| CopyError::Document { digest, source })?;
        for child in index.manifests {
            found.extend(subjects(source, &child)?);
        }
    }
    Ok(found)
}

fn read<S: Source, W: Error + 'static>(
    source: &S,
    document: &Descriptor,
) -> Result<Vec<u8>, CopyError<S::Error, W>> {
    let digest = document.digest;
    let bytes = source.document(document);
    bytes.map_err(|source| CopyError::Read { digest, source })
}

/// Copies one referrer. If it is already stored, it may still be missing from the list: an earlier copy
/// may have been killed between the two steps.
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
    let bytes = read(source, referrer)?;
    destination.attach(referrer, &bytes).map_err(write)
}
