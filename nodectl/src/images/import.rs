//! Imports an image from an OCI layout: blobs, unpacked layers and the record, atomically.
//!
//! A lease holds everything until the image record refers to it, so a killed import leaks nothing beyond
//! the lease's expiry.

use oci::image::NoPlatform;
use oci::layout::Layout;
use oci::{Descriptor, Digest, Kind, Platform};

use super::error::ImportError;
use super::unpack::{snapshot_label, unpack};
use crate::containerd::{self, Containerd, Image, Labels};

/// The result of an import.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    /// The image's name.
    pub name: String,
    /// The descriptor's digest that the name points at.
    pub digest: Digest,
    /// Blobs that were written.
    pub written: usize,
    /// Blobs that existed already.
    pub present: usize,
    /// Bytes written.
    pub bytes: u64,
}

/// The prefix of the names of an import's lease and uploads, before [`Holding::unique`].
pub(crate) const UPLOAD_PREFIX: &str = "nodectl-import-";

/// How an import's content is held until the image record refers to it.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    /// Names the lease.
    pub unique: String,
    /// When the lease expires, if this process is killed, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Labels of the lease.
    pub labels: Labels,
}

/// Imports `image` of `layout` under `name`, for this machine's platform.
///
/// `labels` go on the image record; `held` is how the content is held until then.
///
/// # Errors
/// As [`ImportError`]; content written so far is collected before this returns.
pub(crate) async fn import(
    client: &Containerd,
    layout: &Layout,
    image: &Descriptor,
    name: &str,
    labels: Labels,
    held: &Holding,
) -> Result<Imported, ImportError> {
    let lease = format!("{UPLOAD_PREFIX}{}", held.unique);
    let leased = client
        .lease(&lease, held.labels.clone(), held.expires_ms)
        .await?;
    let imported = import_leased(&leased, layout, image, name, labels, held).await;
    // Also on success: the record holds everything now. After a failure, everything is collected before
    // this returns.
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
    held: &Holding,
) -> Result<Imported, ImportError> {
    let source = Source {
        layout,
        upload: format!("{UPLOAD_PREFIX}{}", held.unique),
    };
    let selected = layout.select(image, &Platform::host())?;
    let manifest = layout.manifest(&selected)?;
    let config = layout.config(&manifest.config)?;
    // A manifest without an index states its platform only in its config.
    let (actual, wanted) = (config.platform(), Platform::host());
    if !actual.runs_on(&wanted) {
        return Err(ImportError::Platform {
            layout: layout.path().to_owned(),
            source: Box::new(NoPlatform {
                wanted,
                available: actual.to_string(),
            }),
        });
    }
    let diff_ids = config
        .diff_ids()
        .ok()
        .filter(|ids| ids.len() == manifest.layers.len());
    let diff_ids = diff_ids.ok_or_else(|| ImportError::DiffIds {
        layout: layout.path().to_owned(),
        config: manifest.config.digest,
        layers: manifest.layers.len(),
    })?;

    let mut tally = Imported {
        name: name.to_owned(),
        digest: image.digest,
        written: 0,
        present: 0,
        bytes: 0,
    };
    for layer in &manifest.layers {
        put(client, &source, layer, Labels::new(), &mut tally).await?;
    }
    put(client, &source, &manifest.config, Labels::new(), &mut tally).await?;
    let mut refs = Labels::new();
    refs.insert(
        "containerd.io/gc.ref.content.config".into(),
        manifest.config.digest.to_string(),
    );
    for (at, layer) in manifest.layers.iter().enumerate() {
        refs.insert(
            format!("containerd.io/gc.ref.content.l.{at}"),
            layer.digest.to_string(),
        );
    }
    put(client, &source, &selected, refs, &mut tally).await?;
    if image.media_type.kind() == Kind::Index {
        let refs = (
            "containerd.io/gc.ref.content.m.0".to_owned(),
            selected.digest.to_string(),
        );
        put(client, &source, image, Labels::from([refs]), &mut tally).await?;
    }
    let top = unpack(client, &manifest.layers, &diff_ids, &held.unique).await?;
    let held = snapshot_label(top);
    if !held.is_empty() {
        client
            .label_blob(&manifest.config.digest.to_string(), held)
            .await?;
    }
    let target = containerd::Descriptor {
        media_type: image.media_type.to_string(),
        digest: image.digest.to_string(),
        size: i64::try_from(image.size).unwrap_or(i64::MAX),
        ..containerd::Descriptor::default()
    };
    client
        .put_image(Image {
            name: name.to_owned(),
            target,
            labels,
        })
        .await?;
    Ok(tally)
}

/// The source of the blobs, and the prefix of their uploads' names.
struct Source<'a> {
    layout: &'a Layout,
    upload: String,
}

/// Writes one blob, verified, unless the namespace has it; its labels are set in either case.
async fn put(
    client: &Containerd,
    source: &Source<'_>,
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
    let blob = source.layout.blob(descriptor)?;
    let described = (digest.as_str(), descriptor.size);
    let written = client
        .write_blob(&source.upload, described, labels, blob)
        .await?;
    written.map_err(|error| ImportError::Blob {
        layout: source.layout.path().to_owned(),
        digest: descriptor.digest,
        source: error,
    })?;
    tally.written += 1;
    tally.bytes += descriptor.size;
    Ok(())
}
