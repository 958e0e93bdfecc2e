//! A repository as the source or destination of a copy; its names are tags.

use std::io::{self, Read};

use super::error::{Problem, RegistryError};
use super::session::Repository;
use crate::Descriptor;
use crate::copy::{Destination, Open, Source};

impl Source for Repository {
    type Error = RegistryError;

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        Ok(self.manifest(&descriptor.digest.to_string())?.bytes)
    }

    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        match self.blob(descriptor) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(match *error.problem {
                Problem::Mismatch(mismatch) => mismatch.into(),
                _ => io::Error::other(error),
            }),
        }
    }
}

impl Destination for Repository {
    type Error = RegistryError;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        Ok(self.resolve(&descriptor.digest.to_string())?.is_some())
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<bool, RegistryError> {
        self.push_blob(descriptor, open)
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), RegistryError> {
        self.put_manifest(
            &descriptor.digest.to_string(),
            &descriptor.media_type,
            bytes,
        )
    }

    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), RegistryError> {
        self.tag(name, &descriptor.media_type, bytes)
    }
}
