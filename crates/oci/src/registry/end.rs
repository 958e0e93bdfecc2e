//! A repository as an end of a copy; its names are tags.

use std::io::Read;

use super::Repository;
use crate::Descriptor;
use crate::copy::{Destination, EndError, Open, Source};

impl Source for Repository {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, EndError> {
        Ok(self.manifest(&descriptor.digest.to_string())?.bytes)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, EndError> {
        Ok(Box::new(self.blob(descriptor)?))
    }
}

impl Destination for Repository {
    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, EndError> {
        Ok(self.resolve(&descriptor.digest.to_string())?.is_some())
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<bool, EndError> {
        Ok(self.push_blob(descriptor, open)?)
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), EndError> {
        Ok(self.put_manifest(
            &descriptor.digest.to_string(),
            &descriptor.media_type,
            bytes,
        )?)
    }

    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), EndError> {
        Ok(self.tag(name, &descriptor.media_type, bytes)?)
    }
}
