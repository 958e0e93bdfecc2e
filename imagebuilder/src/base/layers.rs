//! Reading the layers of a base, once: what was found is remembered by the digest of its manifest.

use std::io::{self, Read};
use std::path::Path;

use oci::Descriptor;

use super::error::BaseError;
use crate::contents::unpacked;
use crate::elf::RootFs;
use crate::files;

/// What an earlier run found, if it did. A file that is damaged, or that another version of this program
/// wrote, is as good as none.
pub(super) fn known(path: &Path) -> Option<RootFs> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Remembers what was found. Where that fails, the layers are read again.
pub(super) fn remember(path: &Path, root: &RootFs) {
    if let Ok(bytes) = serde_json::to_vec(root) {
        let _ = files::replace(path, &bytes, 0o644);
    }
}

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
        // The end verifies the blob.
        io::copy(&mut blob, &mut io::sink()).map_err(read)?;
    }
    Ok(root)
}
