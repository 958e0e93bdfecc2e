//! Copying an image from one place to another: what is missing, in an order that never leaves
//! anything that refers to what is not there.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::image::{DocumentError, Index, Manifest};
use crate::{Descriptor, Digest, Kind, MediaType};

/// How many blobs are under way at once. More open sockets have not been faster, and broke against
/// Amazon ECR.
const WORKERS: usize = 4;

/// An error of a source or destination.
pub type EndError = Box<dyn Error + Send + Sync>;

/// Opens content from its start.
pub type Open<'a> = &'a dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>>;

/// A place that images can be read from.
pub trait Source: Sync {
    /// Reads a manifest or index, verified.
    ///
    /// # Errors
    /// When it is not there or is damaged.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, EndError>;

    /// Opens a blob; reading it to its end verifies it.
    ///
    /// # Errors
    /// When it is not there.
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, EndError>;
}

/// A place that images can be written to.
pub trait Destination: Sync {
    /// Whether it has a manifest or index of that digest, and so all it refers to.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, EndError>;

    /// Stores a blob unless it is there, and says whether it was stored.
    ///
    /// # Errors
    /// When it cannot be, or what is opened is not what is described.
    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<bool, EndError>;

    /// Stores a manifest or index under its digest.
    ///
    /// # Errors
    /// When it cannot be.
    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), EndError>;

    /// Names what is stored already.
    ///
    /// # Errors
    /// When it cannot be.
    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), EndError>;
}

/// Why an image could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A manifest or index could not be read.
    #[error("cannot read {digest}")]
    Read {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: EndError,
    },
    /// A manifest or index is not one.
    #[error("cannot understand {digest}")]
    Document {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A descriptor describes neither a manifest nor an index.
    #[error("{digest} is neither an image manifest nor an index, but a `{media_type}`")]
    Kind {
        /// Which.
        digest: Digest,
        /// What it is.
        media_type: MediaType,
    },
    /// Something could not be stored.
    #[error("cannot store {digest}")]
    Write {
        /// What.
        digest: Digest,
        /// Why.
        #[source]
        source: EndError,
    },
    /// The image could not be named.
    #[error("cannot name {digest} `{name}`")]
    Name {
        /// The image.
        digest: Digest,
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: EndError,
    },
}

/// What is told of a copy, from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyEvent<'a> {
    /// A blob is on its way. One that is begun anew starts at 0 again.
    Progress {
        /// Which.
        descriptor: &'a Descriptor,
        /// How many of its bytes were read so far.
        bytes: u64,
    },
    /// A blob is there now.
    Blob {
        /// Which.
        descriptor: &'a Descriptor,
        /// Whether it had to be sent.
        sent: bool,
    },
    /// A manifest or index is there now.
    Document {
        /// Which.
        descriptor: &'a Descriptor,
        /// Whether it had to be sent.
        sent: bool,
    },
    /// The image has a name.
    Named(&'a str),
}

/// A manifest or index on its way, children before parents.
struct Step {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    present: bool,
}

/// Copies the image `root`: blobs that are missing, then manifests by digest, then the index, then
/// `names`.
///
/// # Errors
/// At the first thing that fails; what was copied by then stays, and is not copied again.
pub fn copy(
    source: &dyn Source,
    destination: &dyn Destination,
    root: &Descriptor,
    names: &[&str],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<(), CopyError> {
    let mut documents = Vec::new();
    let mut blobs = BTreeMap::new();
    plan(source, destination, root, &mut documents, &mut blobs)?;
    copy_blobs(
        source,
        destination,
        &blobs.into_values().collect::<Vec<_>>(),
        events,
    )?;
    for Step {
        descriptor,
        bytes,
        present,
    } in &documents
    {
        if !present {
            let digest = descriptor.digest;
            let put = destination.put_document(descriptor, bytes);
            put.map_err(|source| CopyError::Write { digest, source })?;
        }
        events(CopyEvent::Document {
            descriptor,
            sent: !present,
        });
    }
    let Some(root) = documents.last() else {
        return Ok(());
    };
    for name in names {
        let digest = root.descriptor.digest;
        let outcome = destination.name(name, &root.descriptor, &root.bytes);
        outcome.map_err(|source| CopyError::Name {
            digest,
            name: (*name).to_owned(),
            source,
        })?;
        events(CopyEvent::Named(name));
    }
    Ok(())
}

/// What there is to copy below `descriptor`.
fn plan(
    source: &dyn Source,
    destination: &dyn Destination,
    descriptor: &Descriptor,
    steps: &mut Vec<Step>,
    blobs: &mut BTreeMap<Digest, Descriptor>,
) -> Result<(), CopyError> {
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

/// Tells how far a blob is read.
struct Told<'a> {
    reader: Box<dyn Read + Send>,
    descriptor: &'a Descriptor,
    bytes: u64,
    events: &'a (dyn Fn(CopyEvent<'_>) + Sync),
}

impl<'a> Told<'a> {
    fn new(
        reader: Box<dyn Read + Send>,
        descriptor: &'a Descriptor,
        events: &'a (dyn Fn(CopyEvent<'_>) + Sync),
    ) -> Self {
        let told = Self {
            reader,
            descriptor,
            bytes: 0,
            events,
        };
        told.tell();
        told
    }

    fn tell(&self) {
        let (descriptor, bytes) = (self.descriptor, self.bytes);
        (self.events)(CopyEvent::Progress { descriptor, bytes });
    }
}

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        self.tell();
        Ok(count)
    }
}

/// Copies blobs by a few workers; the first failure stops the others at their next blob.
fn copy_blobs(
    source: &dyn Source,
    destination: &dyn Destination,
    blobs: &[Descriptor],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Result<(), CopyError> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let work = || {
        while !stopped.load(Ordering::Relaxed)
            && let Some(descriptor) = blobs.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let open = || -> io::Result<Box<dyn Read + Send + '_>> {
                let reader = source.open(descriptor).map_err(io::Error::other)?;
                Ok(Box::new(Told::new(reader, descriptor, events)))
            };
            match destination.put_blob(descriptor, &open) {
                Ok(sent) => events(CopyEvent::Blob { descriptor, sent }),
                Err(source) => {
                    stopped.store(true, Ordering::Relaxed);
                    let error = CopyError::Write {
                        digest: descriptor.digest,
                        source,
                    };
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..WORKERS.min(blobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}
