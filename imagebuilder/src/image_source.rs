//! The sources of images: a layout, or a repository of a registry.

use std::collections::BTreeSet;
use std::io::{self, Read};

use oci::copy::Source;
use oci::image::{Config, DocumentError, Index, MAX_DOCUMENT_BYTES, Manifest};
use oci::layout::{Layout, LayoutError};
use oci::registry::{RegistryError, Repository};
use oci::{Descriptor, Digest};

/// Why an image could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("cannot read {digest}")]
    Read {
        digest: Digest,
        #[source]
        source: io::Error,
    },
    #[error("{digest} has {size} bytes, more than the limit of {most}")]
    TooLarge {
        digest: Digest,
        size: u64,
        most: u64,
    },
    #[error("cannot parse {digest}")]
    Document {
        digest: Digest,
        #[source]
        source: DocumentError,
    },
}

/// A place that images are read from.
pub(crate) enum ImageSource {
    Layout(Layout),
    Registry(Box<Repository>),
}

impl ImageSource {
    /// Reads the image manifest that `descriptor` describes.
    pub(crate) fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, SourceError> {
        if let Self::Layout(layout) = self {
            return Ok(layout.manifest(descriptor)?);
        }
        parse(descriptor, Manifest::parse, &self.document(descriptor)?)
    }

    /// Reads the index that `descriptor` describes.
    pub(crate) fn index(&self, descriptor: &Descriptor) -> Result<Index, SourceError> {
        if let Self::Layout(layout) = self {
            return Ok(layout.index(descriptor)?);
        }
        parse(descriptor, Index::parse, &self.document(descriptor)?)
    }

    /// Reads the configuration that `descriptor` describes.
    pub(crate) fn config(&self, descriptor: &Descriptor) -> Result<Config, SourceError> {
        if let Self::Layout(layout) = self {
            return Ok(layout.config(descriptor)?);
        }
        parse(
            descriptor,
            Config::parse,
            &self.blob(descriptor, MAX_DOCUMENT_BYTES)?,
        )
    }

    /// Reads a blob of at most `most` bytes into memory.
    pub(crate) fn blob(&self, descriptor: &Descriptor, most: u64) -> Result<Vec<u8>, SourceError> {
        let digest = descriptor.digest;
        if descriptor.size > most {
            let size = descriptor.size;
            return Err(SourceError::TooLarge { digest, size, most });
        }
        let mut bytes = Vec::new();
        let read = self.reader(descriptor)?.read_to_end(&mut bytes);
        read.map_err(|source| SourceError::Read { digest, source })?;
        Ok(bytes)
    }

    /// Opens a blob; reading it to its end verifies it.
    pub(crate) fn reader(
        &self,
        descriptor: &Descriptor,
    ) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(match self {
            Self::Layout(layout) => Box::new(layout.blob(descriptor)?),
            Self::Registry(repository) => Box::new(repository.blob(descriptor)?),
        })
    }
}

fn parse<T>(
    descriptor: &Descriptor,
    parse: fn(&[u8]) -> Result<T, DocumentError>,
    bytes: &[u8],
) -> Result<T, SourceError> {
    let digest = descriptor.digest;
    parse(bytes).map_err(|source| SourceError::Document { digest, source })
}

impl Source for ImageSource {
    type Error = SourceError;

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        Ok(match self {
            Self::Layout(layout) => layout.document(descriptor)?,
            Self::Registry(repository) => Source::document(&**repository, descriptor)?,
        })
    }

    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Layout(layout) => Source::open(layout, descriptor),
            Self::Registry(repository) => Source::open(&**repository, descriptor),
        }
    }

    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, SourceError> {
        Ok(match self {
            Self::Layout(layout) => layout.referrers(subjects)?,
            Self::Registry(repository) => Source::referrers(&**repository, subjects)?,
        })
    }
}
