//! Imports an image from an OCI layout: blobs, unpacked layers and the record, all or nothing.
//!
//! Everything is held by a lease until the image record refers to it, so a killed import leaves
//! nothing that outlives the lease.

use std::path::PathBuf;

use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Kind, Mismatch, Platform};

use super::unpack::{snapshot_label, unpack};
use crate::containerd::{self, Containerd, Image, Labels};

/// Why an image could not be imported. Nothing of it stays in containerd.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// containerd refused a step or is gone.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// The layout does not have the image, or is damaged.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A blob could not be read, or is not what its digest says.
    #[error("blob {digest} of `{}` cannot be imported", layout.display())]
    Blob {
        /// The layout it is in.
        layout: PathBuf,
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// The config does not list one diff ID for each layer, or lists none that are digests.
    #[error("config {config} of `{}` does not list a diff ID for each of its {layers} layers", layout.display())]
    DiffIds {
        /// The layout it is in.
        layout: PathBuf,
        /// The config.
        config: Digest,
        /// How many layers the manifest has.
        layers: usize,
    },
    /// A layer unpacks to something else than the config says.
    #[error("layer {layer} unpacks to {applied}, its config says {expected}")]
    DiffId {
        /// The layer's digest.
        layer: Digest,
        /// Its diff ID in the config.
        expected: Digest,
        /// What containerd unpacked.
        applied: String,
    },
}

impl ImportError {
    /// Content is not what its digest says.
    pub fn is_mismatch(&self) -> bool {
        match self {
            Self::Layout(error) => error.is_mismatch(),
            Self::Blob { source, .. } => Mismatch::of(source).is_some(),
            Self::DiffId { .. } => true,
            Self::Containerd(_) | Self::DiffIds { .. } => false,
        }
    }
}

/// What an import did.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The image's name.
    pub name: String,
    /// What the name points at.
    pub digest: Digest,
    /// Blobs that were written.
    pub written: usize,
    /// Blobs that were there already.
    pub present: usize,
    /// Bytes written.
    pub bytes: u64,
}

/// Imports `image` of `layout` under `name`, for this machine's platform.
///
/// `unique` names the lease, and `expire` (RFC 3339) is when containerd drops it should this process
/// be killed. `labels` go on the image record.
///
/// # Errors
/// As [`ImportError`]; what was written by then is collected before this returns.
pub async fn import(
    client: &Containerd,
    layout: &Layout,
    image: &Descriptor,
    name: &str,
    labels: Labels,
    (unique, expire): (&str, &str),
) -> Result<Imported, ImportError> {
    let lease = format!("nodectl-import-{unique}");
    let leased = client.lease(&lease, Labels::new(), expire).await?;
    let imported = import_leased(&leased, layout, image, name, labels, unique).await;
    // Also on success: the record holds everything now. A failure is collected at once, so that
    // nothing of it is found afterwards.
    let released = client.release(&lease, imported.is_err()).await;
    let imported = imported?;
    released?;
    Ok(imported)
}

async fn import_leased(
    client: &Containerd,
    layout: &Layout,
    image: &Descriptor,
    name: &str,
    labels: Labels,
    unique: &str,
) -> Result<Imported, ImportError> {
    let selected = layout.select(image, &Platform::host())?;
    let manifest = layout.manifest(&selected)?;
    let config = layout.config(&manifest.config)?;
    let diff_ids = config.diff_ids().ok().filter(|ids| ids.len() == manifest.layers.len());
    let diff_ids = diff_ids.ok_or_else(|| ImportError::DiffIds {
        layout: layout.path().to_owned(),
        config: manifest.config.digest,
        layers: manifest.layers.len(),
    })?;

    let mut tally =
        Imported { name: name.to_owned(), digest: image.digest, written: 0, present: 0, bytes: 0 };
    for layer in &manifest.layers {
        put(client, layout, layer, Labels::new(), &mut tally).await?;
    }
    put(client, layout, &manifest.config, Labels::new(), &mut tally).await?;
    let mut refs = Labels::new();
    refs.insert("containerd.io/gc.ref.content.config".into(), manifest.config.digest.to_string());
    for (at, layer) in manifest.layers.iter().enumerate() {
        refs.insert(format!("containerd.io/gc.ref.content.l.{at}"), layer.digest.to_string());
    }
    put(client, layout, &selected, refs, &mut tally).await?;
    if image.media_type.kind() == Kind::Index {
        let refs = ("containerd.io/gc.ref.content.m.0".to_owned(), selected.digest.to_string());
        put(client, layout, image, Labels::from([refs]), &mut tally).await?;
    }
    let top = unpack(client, &manifest.layers, &diff_ids, unique).await?;
    let held = snapshot_label(top);
    if !held.is_empty() {
        client.label_blob(&manifest.config.digest.to_string(), held).await?;
    }
    let target = containerd::Descriptor {
        media_type: image.media_type.to_string(),
        digest: image.digest.to_string(),
        size: i64::try_from(image.size).unwrap_or(i64::MAX),
        ..containerd::Descriptor::default()
    };
    client.put_image(Image { name: name.to_owned(), target, labels }).await?;
    Ok(tally)
}

/// Writes one blob, verified, unless the namespace has it; its labels are set in either case.
async fn put(
    client: &Containerd,
    layout: &Layout,
    descriptor: &Descriptor,
    labels: Labels,
    tally: &mut Imported,
) -> Result<(), ImportError> {
    let digest = descriptor.digest.to_string();
    if client.blob_info(&digest).await?.is_some() {
        tally.present += 1;
        if !labels.is_empty() {
            client.label_blob(&digest, labels).await?;
        }
        return Ok(());
    }
    let blob = layout.blob(descriptor)?;
    client.write_blob(&digest, descriptor.size, labels, blob).await?.map_err(|source| {
        ImportError::Blob {
            layout: layout.path().to_owned(),
            digest: descriptor.digest,
            source,
        }
    })?;
    tally.written += 1;
    tally.bytes += descriptor.size;
    Ok(())
}
