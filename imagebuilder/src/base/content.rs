//! The source of a copy for an image whose base's layers are not in the layout.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;

use oci::copy::Source;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest};

use super::image::Base;

/// A layout with images, and the bases that have the layers that the layout lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) bases: &'a [Arc<Base>],
}

impl Content<'_> {
    /// Copies the layers of the bases that are missing into the layout.
    ///
    /// # Errors
    /// If one cannot be read or written.
    pub(crate) fn complete(&self) -> Result<(), LayoutError> {
        let layers = self.bases.iter().flat_map(|base| {
            let layers = base.layers();
            layers.map(move |layer| (base, layer))
        });
        for (base, layer) in layers {
            if layer.media_type.is_foreign() || self.layout.has_blob(layer) {
                continue;
            }
            let failed = |source| LayoutError::Io {
                operation: "copy the base's layer to",
                path: self.layout.blob_path(&layer.digest),
                source,
            };
            let mut reader = base.open(layer).map_err(failed)?;
            self.layout.write_blob(layer, &mut reader)?;
        }
        Ok(())
    }
}

impl Source for Content<'_> {
    type Error = LayoutError;

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        self.layout.document(descriptor)
    }

    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        let base = self.bases.iter().find(|base| base.has(descriptor));
        match base.filter(|_| !self.layout.has_blob(descriptor)) {
            Some(base) => base.open(descriptor),
            None => self.layout.open(descriptor),
        }
    }

    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, LayoutError> {
        Source::referrers(self.layout, subjects)
    }
}
