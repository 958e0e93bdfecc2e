//! The results of a build.

use std::collections::BTreeSet;

use cargo_metadata::PackageId;
use oci::{Descriptor, Digest};

use crate::layer::Files;
use crate::sbom::Bill;

/// An image in a layout.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// Its manifest, or its index if it is for several platforms.
    pub(crate) root: Descriptor,
    /// The image, and the manifests of its index.
    pub(crate) images: Vec<Digest>,
    /// The referrers of the image and of its manifests, each after its subject.
    pub(crate) referrers: Vec<Descriptor>,
}

impl Built {
    /// An image without referrers.
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
    /// The bill of materials of each binary, if requested.
    pub(super) bills: Vec<Bill>,
    /// The packages that Cargo compiled.
    pub(super) packages: BTreeSet<PackageId>,
}
