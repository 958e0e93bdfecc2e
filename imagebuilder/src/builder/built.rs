//! What was built.

use std::collections::BTreeSet;

use cargo_metadata::PackageId;
use oci::{Descriptor, Digest};

use crate::layer::Files;
use crate::sbom::Bill;

/// An image in a layout.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// Its manifest, or its index where it is for several platforms.
    pub(crate) root: Descriptor,
    /// It, and the manifests of its index.
    pub(crate) images: Vec<Digest>,
    /// What refers to it or to one of its manifests; what refers to a referrer is behind it.
    pub(crate) referrers: Vec<Descriptor>,
}

impl Built {
    /// An image to which nothing refers.
    pub(crate) fn plain(root: Descriptor) -> Self {
        Self {
            images: vec![root.digest],
            root,
            referrers: Vec::new(),
        }
    }
}

/// The binaries of a service, compiled and checked.
pub(super) struct Compiled {
    /// The files of each binary's layer.
    pub(super) layers: Vec<Files>,
    /// The bill of materials of each binary, where they are wanted.
    pub(super) bills: Vec<Bill>,
    /// The packages that Cargo compiled.
    pub(super) packages: BTreeSet<PackageId>,
}
