//! Where images are copied from.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read};

use crate::{Descriptor, Digest};

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
