//! Copies an image between two places: only what is missing, and in an order that never leaves a
//! document that refers to missing content.

mod blobs;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Read};

use crate::image::{DocumentError, Index, Manifest, Referrer};
use crate::{Descriptor, Digest, Kind, MediaType};

/// How many blobs are copied at once, unless the destination sets a number.
const WORKERS: usize = 4;

/// Opens content from its start.
pub type Open<'a> = &'a dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>>;

/// A place that images are read from.
pub trait Source: Sync {
    /// Why it cannot be read.
    type Error: Error + Send + Sync + 'static;

    /// Reads and verifies a manifest or index.
    ///
    /// # Errors
    /// If it does not exist or is damaged.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Self::Error>;

    /// Opens a blob; reading it to its end verifies it.
    ///
    /// # Errors
    /// If it does not exist, or already with a [`Mismatch`](crate::Mismatch) if its size is wrong.
    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>>;

    /// The manifests and indexes that refer to one of `subjects`: signatures, bills of materials.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, Self::Error> {
        let _ = subjects;
        Ok(Vec::new())
    }
}

/// A place that images are written to.
pub trait Destination: Sync {
    /// Why it cannot be written.
    type Error: Error + Send + Sync + 'static;

    /// Whether it has a manifest or index with that digest, and therefore everything that it refers to.
    ///
    /// # Errors
    /// If the destination does not respond.
    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, Self::Error>;

    /// Stores a blob unless it is there, and returns how it came to be there.
    ///
    /// # Errors
    /// If it cannot be stored, or `open` does not return the content that `descriptor` describes.
    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<Stored, Self::Error>;

    /// How many blobs may be stored at once.
    fn workers(&self) -> usize {
        WORKERS
    }

    /// Stores a manifest or index under its digest.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Whether [`Destination::name`] stores what it names, so that the document need not be stored by its
    /// digest first.
    fn stores_by_name(&self) -> bool {
        false
    }

    /// Stores a manifest or index that has a subject, so that it is listed as a referrer of its subject.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn attach(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), Self::Error> {
        self.put_document(descriptor, bytes)
    }

    /// Names a document that is already stored, or stores it by its name if
    /// [`Destination::stores_by_name`].
    ///
    /// # Errors
    /// When it cannot be named.
    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// How a blob came to be in a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was already there.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Sent,
}

/// Why an image could not be copied from a source with errors `S` to a destination with errors `D`.
#[derive(Debug, thiserror::Error)]
pub enum CopyError<S: Error + 'static, D: Error + 'static> {
    /// A manifest or index could not be read.
    #[error("cannot read {digest}")]
    Read {
        /// Its digest.
        digest: Digest,
        /// The source's error.
        #[source]
        source: S,
    },
    /// A manifest or index is invalid.
    #[error("cannot parse {digest}")]
    Document {
        /// Its digest.
        digest: Digest,
        /// What is invalid.
        #[source]
        source: DocumentError,
    },
    /// A descriptor describes neither a manifest nor an index.
    #[error("{digest} is neither an image manifest nor an index, but a `{media_type}`")]
    Kind {
        /// The descriptor's digest.
        digest: Digest,
        /// The descriptor's media type.
        media_type: MediaType,
    },
    /// A blob, manifest or index could not be stored.
    #[error("cannot store {digest}")]
    Write {
        /// Its digest.
        digest: Digest,
        /// The destination's error.
        #[source]
        source: D,
    },
    /// The image could not be named.
    #[error("cannot name {digest} `{name}`")]
    Name {
        /// The image's digest.
        digest: Digest,
        /// The name.
        name: String,
        /// The destination's error.
        #[source]
        source: D,
    },
}

/// What [`copy()`] returns.
pub(crate) type Copied<T, S, D> =
    Result<T, CopyError<<S as Source>::Error, <D as Destination>::Error>>;

/// The progress of a copy, emitted from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyEvent<'a> {
    /// The blobs that the destination needs, some of which it may have.
    Blobs {
        /// Their number.
        count: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// A blob is being sent. A retry starts at 0 again.
    Progress {
        /// The blob.
        descriptor: &'a Descriptor,
        /// The bytes read so far.
        bytes: u64,
    },
    /// The destination has a blob.
    Blob {
        /// The blob.
        descriptor: &'a Descriptor,
        /// How it came to be there.
        stored: Stored,
    },
    /// The destination has a manifest or index.
    Document {
        /// The manifest or index.
        descriptor: &'a Descriptor,
        /// Whether it was sent, rather than present before.
        sent: bool,
    },
    /// A layer that may not be distributed: its descriptor is copied, but not its blob.
    Foreign {
        /// The layer.
        descriptor: &'a Descriptor,
    },
    /// The image has this name.
    Named(&'a str),
}

/// A manifest or index to copy, children before parents.
struct Step {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    present: bool,
}

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
    let mut documents = Vec::new();
    let mut blobs = BTreeMap::new();
    plan(source, destination, root, &mut documents, &mut blobs)?;
    let (foreign, blobs): (Vec<_>, Vec<_>) = blobs
        .into_values()
        .partition(|blob: &Descriptor| blob.media_type.is_foreign());
    for descriptor in &foreign {
        events(CopyEvent::Foreign { descriptor });
    }
    events(CopyEvent::Blobs {
        count: blobs.len() as u64,
        bytes: blobs.iter().map(|blob| blob.size).sum(),
    });
    blobs::copy(source, destination, &blobs, events)?;
    for (at, step) in documents.iter().enumerate() {
        let Step {
            descriptor,
            bytes,
            present,
        } = step;
        let is_root = at + 1 == documents.len();
        let by_name = is_root && !names.is_empty() && destination.stores_by_name();
        if !present {
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
            sent: !present,
        });
    }
    match documents.last() {
        Some(root) => name_all::<S, D>(destination, &root.descriptor, &root.bytes, names, events),
        None => Ok(()),
    }
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

/// Everything that is to be copied below `descriptor`.
fn plan<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    descriptor: &Descriptor,
    steps: &mut Vec<Step>,
    blobs: &mut BTreeMap<Digest, Descriptor>,
) -> Copied<(), S, D> {
    let digest = descriptor.digest;
    let bytes = source
        .document(descriptor)
        .map_err(|source| CopyError::Read { digest, source })?;
    let present = destination
        .has_document(descriptor)
        .map_err(|source| CopyError::Write { digest, source })?;
    let document = |source| CopyError::Document { digest, source };
    match descriptor.media_type.kind() {
        _ if present => {}
        Kind::Manifest => {
            let manifest = Manifest::parse(&bytes).map_err(document)?;
            for blob in std::iter::once(manifest.config).chain(manifest.layers) {
                blobs.insert(blob.digest, blob);
            }
        }
        Kind::Index => {
            for child in Index::parse(&bytes).map_err(document)?.manifests {
                plan(source, destination, &child, steps, blobs)?;
            }
        }
        Kind::Config | Kind::Layer(_) | Kind::Other => {
            let media_type = descriptor.media_type.clone();
            return Err(CopyError::Kind { digest, media_type });
        }
    }
    steps.push(Step {
        descriptor: descriptor.clone(),
        bytes,
        present,
    });
    Ok(())
}
