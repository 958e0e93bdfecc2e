//! Where images are copied to.

use std::error::Error;
use std::io::{self, Read};

use crate::Descriptor;

/// How many blobs are copied at once, unless the destination sets a number.
const WORKERS: usize = 4;

/// Opens content from its start.
pub type Open<'a> = &'a dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>>;

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
