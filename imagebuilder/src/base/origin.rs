//! Where a base is read from: a layout or tar, or a repository.

use std::io::{self, Read};

use oci::copy::Source;
use oci::layout::Layout;
use oci::registry::Repository;
use oci::{Descriptor, Digest, Reference};

use super::error::BaseError;

/// Where the documents and layers of a base are read from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A layout or tar, and the name of the image in it.
    Layout {
        layout: Layout,
        root: Box<Descriptor>,
    },
    /// A repository, and the name of the image in it. With `--offline` no requests are sent.
    Registry {
        repository: Box<Repository>,
        reference: Box<Reference>,
        offline: bool,
    },
}

impl Origin {
    /// The image that the name refers to now.
    pub(super) fn resolve(&self) -> Result<(Descriptor, Vec<u8>), BaseError> {
        match self {
            Self::Layout { layout, root } => Ok((Descriptor::clone(root), layout.document(root)?)),
            Self::Registry { reference, .. } => {
                let digest = reference.digest().map(|digest| digest.to_string());
                let tag = reference.tag().unwrap_or("latest");
                self.manifest(digest.as_deref().unwrap_or(tag))
            }
        }
    }

    /// The manifest or index with a digest.
    pub(super) fn document(&self, digest: &Digest) -> Result<(Descriptor, Vec<u8>), BaseError> {
        match self {
            Self::Layout { layout, root } => {
                let named: Reference = "x".parse().expect("it is a reference");
                let found = layout.find(&named.with_digest(*digest));
                let found = found.map_err(|_| BaseError::Moved {
                    layout: layout.path().to_owned(),
                    pinned: *digest,
                    actual: root.digest,
                })?;
                let bytes = layout.document(&found)?;
                Ok((found, bytes))
            }
            Self::Registry { .. } => self.manifest(&digest.to_string()),
        }
    }

    fn manifest(&self, name: &str) -> Result<(Descriptor, Vec<u8>), BaseError> {
        let Self::Registry {
            repository,
            offline,
            ..
        } = self
        else {
            unreachable!("layouts have descriptors")
        };
        if *offline {
            return Err(BaseError::Offline);
        }
        let document = repository.manifest(name)?;
        Ok((document.descriptor, document.bytes))
    }

    /// Opens a configuration or layer; reading it to its end verifies it.
    pub(super) fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Layout { layout, .. } => layout.open(descriptor),
            Self::Registry { offline: true, .. } => Err(io::Error::other(format!(
                "{} of the base is not on this machine, and --offline or --frozen was given",
                descriptor.digest
            ))),
            Self::Registry { repository, .. } => repository.open(descriptor),
        }
    }
}
