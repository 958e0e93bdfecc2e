//! The order of a copy: blobs, then the documents that refer to them, then names.

use super::blobs;
use super::destination::Destination;
use super::error::{Copied, CopyError};
use super::event::CopyEvent;
use super::plan::{Document, Plan};
use super::source::Source;
use crate::Descriptor;
use crate::image::Referrer;

/// Copies the image `root`: blobs that are missing, then manifests by digest, then the index, then
/// `names`.
///
/// # Errors
/// The first failure. What was copied before it stays, and is not copied again.
pub fn copy<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    root: &Descriptor,
    names: &[&str],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<(), S, D> {
    let Plan {
        blobs,
        foreign,
        children,
        root,
    } = Plan::new(source, destination, root)?;
    for descriptor in &foreign {
        events(CopyEvent::Foreign { descriptor });
    }
    events(CopyEvent::Blobs {
        count: blobs.len() as u64,
        bytes: blobs.iter().map(|blob| blob.size).sum(),
    });
    blobs::copy(source, destination, &blobs, events)?;
    for child in &children {
        store::<S, D>(destination, child, false, events)?;
    }
    let by_name = !names.is_empty() && destination.stores_by_name();
    store::<S, D>(destination, &root, by_name, events)?;
    name_all::<S, D>(destination, &root.descriptor, &root.bytes, names, events)
}

/// Stores a document unless it is there, or is stored later `by_name`. A document with a subject is attached to
/// that, whatever its names.
fn store<S: Source, D: Destination>(
    destination: &D,
    document: &Document,
    by_name: bool,
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<(), S, D> {
    let Document {
        descriptor,
        bytes,
        is_present,
    } = document;
    if !is_present {
        let digest = descriptor.digest;
        let referrer = Referrer::parse(&descriptor.media_type, bytes)
            .map_err(|source| CopyError::Document { digest, source })?;
        let put = match referrer {
            Some(referrer) => destination.attach(&referrer.descriptor, bytes),
            None if by_name => Ok(()),
            None => destination.put_document(descriptor, bytes),
        };
        put.map_err(|source| CopyError::Write { digest, source })?;
    }
    events(CopyEvent::Document {
        descriptor,
        sent: !is_present,
    });
    Ok(())
}

/// Gives an image its names.
pub(crate) fn name_all<S: Source, D: Destination>(
    destination: &D,
    root: &Descriptor,
    bytes: &[u8],
    names: &[&str],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<(), S, D> {
    for name in names {
        let outcome = destination.name(name, root, bytes);
        outcome.map_err(|source| CopyError::Name {
            digest: root.digest,
            name: (*name).to_owned(),
            source,
        })?;
        events(CopyEvent::Named(name));
    }
    Ok(())
}
