//! A layout as the source or destination of a copy.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::{Layout, LayoutError};
use crate::copy::{Destination, Open, Source, Stored};
use crate::{Descriptor, Digest, annotation};

impl Source for Layout {
    type Error = LayoutError;

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        Layout::document(self, descriptor)
    }

    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        match self.blob(descriptor) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(LayoutError::Damaged { source, .. }) => Err(source.into()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, LayoutError> {
        Layout::referrers(self, subjects)
    }
}

impl Destination for Layout {
    type Error = LayoutError;

    /// A manifest does not prove that its blobs are there: a process may have been killed between
    /// two copies into the same layout, or a user may have removed some. Checking them is cheap.
    fn has_document(&self, _: &Descriptor) -> Result<bool, LayoutError> {
        Ok(false)
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<Stored, LayoutError> {
        if self.has_blob(descriptor) {
            return Ok(Stored::Present);
        }
        let path = self.blob_path(&descriptor.digest);
        let mut reader = open().map_err(|error| self.read_error("write", &path, error))?;
        self.write_blob(descriptor, &mut reader)?;
        Ok(Stored::Sent)
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), LayoutError> {
        self.write_blob(descriptor, &mut &bytes[..])
    }

    fn attach(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), LayoutError> {
        self.write_blob(descriptor, &mut &bytes[..])?;
        self.put_index_entry(descriptor)
    }

    fn name(&self, name: &str, descriptor: &Descriptor, _: &[u8]) -> Result<(), LayoutError> {
        let mut entry = descriptor.clone();
        entry
            .annotations
            .insert(annotation::REF_NAME.to_owned(), name.to_owned());
        self.put_index_entry(&entry)
    }
}
