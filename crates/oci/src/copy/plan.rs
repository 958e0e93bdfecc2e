//! What a copy consists of: the documents of an image, and the blobs that they refer to.

use std::collections::BTreeMap;
use std::iter;

use super::destination::Destination;
use super::error::{Copied, CopyError};
use super::source::Source;
use crate::image::{Index, Manifest};
use crate::{Descriptor, Digest, Kind};

/// The content of an image. Of a document that the destination has, nothing else is listed: the destination has
/// everything below it too.
pub(super) struct Plan {
    /// The blobs to copy, each once.
    pub(super) blobs: Vec<Descriptor>,
    /// The layers that may not be distributed, each once.
    pub(super) foreign: Vec<Descriptor>,
    /// The manifests and indexes below the root, children before parents.
    pub(super) children: Vec<Document>,
    /// The image's own manifest or index.
    pub(super) root: Document,
}

/// A manifest or index.
pub(super) struct Document {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Vec<u8>,
    /// Whether the destination has it.
    pub(super) is_present: bool,
}

impl Plan {
    /// Reads the documents of the image `root`.
    pub(super) fn new<S: Source, D: Destination>(
        source: &S,
        destination: &D,
        root: &Descriptor,
    ) -> Copied<Self, S, D> {
        let mut children = Vec::new();
        let mut blobs = BTreeMap::new();
        let root = read(source, destination, root, &mut children, &mut blobs)?;
        let (foreign, blobs) = blobs
            .into_values()
            .partition(|blob: &Descriptor| blob.media_type.is_foreign());
        Ok(Self {
            blobs,
            foreign,
            children,
            root,
        })
    }
}

/// Reads a document, and adds what is to be copied below it.
fn read<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    descriptor: &Descriptor,
    children: &mut Vec<Document>,
    blobs: &mut BTreeMap<Digest, Descriptor>,
) -> Copied<Document, S, D> {
    let digest = descriptor.digest;
    let bytes = source
        .document(descriptor)
        .map_err(|source| CopyError::Read { digest, source })?;
    let is_present = destination
        .has_document(descriptor)
        .map_err(|source| CopyError::Write { digest, source })?;
    let document = |source| CopyError::Document { digest, source };
    match descriptor.media_type.kind() {
        _ if is_present => {}
        Kind::Manifest => {
            let manifest = Manifest::parse(&bytes).map_err(document)?;
            for blob in iter::once(manifest.config).chain(manifest.layers) {
                blobs.insert(blob.digest, blob);
            }
        }
        Kind::Index => {
            for child in Index::parse(&bytes).map_err(document)?.manifests {
                let child = read(source, destination, &child, children, blobs)?;
                children.push(child);
            }
        }
        Kind::Config | Kind::Layer(_) | Kind::Other => {
            let media_type = descriptor.media_type.clone();
            return Err(CopyError::Kind { digest, media_type });
        }
    }
    Ok(Document {
        descriptor: descriptor.clone(),
        bytes,
        is_present,
    })
}
