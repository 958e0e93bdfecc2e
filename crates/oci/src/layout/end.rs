//! A layout as an end of a copy.

use std::io::Read;

use super::Layout;
use crate::copy::{Destination, EndError, Open, Source};
use crate::{Descriptor, annotation};

impl Source for Layout {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, EndError> {
        Ok(Layout::document(self, descriptor)?)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, EndError> {
        Ok(Box::new(self.blob(descriptor)?))
    }
}

impl Destination for Layout {
    /// A manifest alone does not prove its blobs: a process may have been killed between two
    /// copies into the same layout, or someone have removed some. Checking them is cheap here.
    fn has_document(&self, _: &Descriptor) -> Result<bool, EndError> {
        Ok(false)
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<bool, EndError> {
        if self.has_blob(descriptor) {
            return Ok(false);
        }
        self.write_blob(descriptor, &mut open()?)?;
        Ok(true)
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), EndError> {
        Ok(self.write_blob(descriptor, &mut &bytes[..])?)
    }

    fn name(&self, name: &str, descriptor: &Descriptor, _: &[u8]) -> Result<(), EndError> {
        let mut entry = descriptor.clone();
        entry
            .annotations
            .insert(annotation::REF_NAME.to_owned(), name.to_owned());
        Ok(self.put_index_entry(&entry)?)
    }
}
