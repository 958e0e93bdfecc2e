//! Dry runs: what a push or copy would do.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use oci::copy::{Destination, Open, Stored};
use oci::layout::{Layout, LayoutError};
use oci::registry::{RegistryError, Repository};
use oci::{Descriptor, Digest};

use super::event::NameChange;

/// Queries what a destination has.
pub(crate) trait Holdings: Sync {
    /// Why a query failed.
    type Error: Error + Send + Sync + 'static;

    /// Whether it has a manifest or index, and therefore everything that it refers to.
    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, Self::Error>;

    /// Whether it has a blob.
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Self::Error>;

    /// The image that a name refers to.
    fn named(&self, name: &str) -> Result<Option<Digest>, Self::Error>;
}

impl Holdings for Repository {
    type Error = RegistryError;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        Destination::has_document(self, descriptor)
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        self.has_blob(descriptor)
    }

    fn named(&self, name: &str) -> Result<Option<Digest>, RegistryError> {
        self.resolve(name)
    }
}

/// A layout, which may not exist yet.
impl Holdings for Option<Layout> {
    type Error = LayoutError;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, LayoutError> {
        let layout = self.as_ref();
        layout.map_or(Ok(false), |layout| layout.has_document(descriptor))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, LayoutError> {
        Ok(self
            .as_ref()
            .is_some_and(|layout| layout.has_blob(descriptor)))
    }

    fn named(&self, name: &str) -> Result<Option<Digest>, LayoutError> {
        let Some(layout) = self else {
            return Ok(None);
        };
        let entries = layout.entries()?;
        let named = entries.iter().find(|image| image.ref_name() == Some(name));
        Ok(named.map(|image| image.digest))
    }
}

/// A destination with the content of another one, which stores nothing.
pub(crate) struct DryRun<H> {
    holdings: H,
    /// The changes of names.
    names: Mutex<Vec<NameChange>>,
}

impl<H> DryRun<H> {
    pub(crate) fn new(holdings: H) -> Self {
        let names = Mutex::default();
        Self { holdings, names }
    }

    /// The changes of the names that it was given.
    pub(crate) fn into_names(self) -> Vec<NameChange> {
        let names = self.names.into_inner();
        names.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Holdings> Destination for DryRun<H> {
    type Error = H::Error;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, H::Error> {
        self.holdings.has_document(descriptor)
    }

    fn put_blob(&self, descriptor: &Descriptor, _: Open<'_>) -> Result<Stored, H::Error> {
        let present = self.holdings.has_blob(descriptor)?;
        Ok(if present {
            Stored::Present
        } else {
            Stored::Sent
        })
    }

    fn put_document(&self, _: &Descriptor, _: &[u8]) -> Result<(), H::Error> {
        Ok(())
    }

    fn name(&self, name: &str, descriptor: &Descriptor, _: &[u8]) -> Result<(), H::Error> {
        let before = self.holdings.named(name)?;
        if before != Some(descriptor.digest) {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.push(NameChange {
                name: name.to_owned(),
                before,
            });
        }
        Ok(())
    }

    fn attach(&self, _: &Descriptor, _: &[u8]) -> Result<(), H::Error> {
        Ok(())
    }
}
