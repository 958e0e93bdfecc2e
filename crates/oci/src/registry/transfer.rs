//! A repository as the source or destination of a copy; its names are tags.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::blobs::UPLOADS;
use super::error::{Problem, RegistryError};
use super::session::Repository;
use crate::copy::{Destination, Open, Source, Stored};
use crate::{Descriptor, Digest};

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

    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, RegistryError> {
        let mut all = Vec::new();
        for subject in subjects {
            all.extend(Repository::referrers(self, subject)?);
        }
        Ok(all)
    }
}

impl Destination for Repository {
    type Error = RegistryError;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        Ok(self.resolve(&descriptor.digest.to_string())?.is_some())
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<Stored, RegistryError> {
        self.push_blob(descriptor, open)
    }

    fn workers(&self) -> usize {
        UPLOADS
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), RegistryError> {
        self.put_manifest(
            &descriptor.digest.to_string(),
            &descriptor.media_type,
            bytes,
        )
    }

    fn attach(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), RegistryError> {
        Repository::attach(self, &descriptor.media_type, bytes)
    }

    fn stores_by_name(&self) -> bool {
        true
    }

    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), RegistryError> {
        self.tag(name, &descriptor.media_type, bytes)
    }
}
