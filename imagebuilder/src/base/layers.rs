//! Reading the layers of a base.

use std::io::{self, Read};

use oci::Descriptor;

use super::error::BaseError;
use crate::contents::unpacked;
use crate::elf::RootFs;

/// Reads `layers`, the lowest first.
pub(super) fn read(
    layers: &[Descriptor],
    open: impl Fn(&Descriptor) -> io::Result<Box<dyn Read + Send>>,
) -> Result<RootFs, BaseError> {
    let mut root = RootFs::default();
    for layer in layers {
        let read = |source| BaseError::Read {
            digest: layer.digest,
            source,
        };
        let mut blob = open(layer).map_err(read)?;
        let tar = unpacked(&mut blob, &layer.media_type).ok_or_else(|| BaseError::Layer {
            digest: layer.digest,
            media_type: layer.media_type.clone(),
        })?;
        root.add_layer(tar).map_err(read)?;
        // Reading to the end verifies the blob.
        io::copy(&mut blob, &mut io::sink()).map_err(read)?;
    }
    Ok(root)
}
