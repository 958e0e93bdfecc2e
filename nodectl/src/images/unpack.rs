//! Unpacks an image's layers into snapshots, and checks each against its diff ID.

use oci::{Descriptor, Digest};

use super::error::ImportError;
use crate::containerd::{self, Containerd, Labels, SNAPSHOTTER};

/// Unpacks `layers` from the bottom and returns the topmost chain ID, `None` for no layers.
///
/// `client` must hold a lease; `unique` keeps concurrent imports from sharing a working snapshot.
pub(super) async fn unpack(
    client: &Containerd,
    layers: &[Descriptor],
    diff_ids: &[Digest],
    unique: &str,
) -> Result<Option<Digest>, ImportError> {
    let chain = super::chain_ids(diff_ids);
    let mut parent = String::new();
    for ((layer, diff_id), chain_id) in layers.iter().zip(diff_ids).zip(&chain) {
        let name = chain_id.to_string();
        if !client.has_snapshot(&name).await? {
            let key = format!("nodectl-extract-{unique} {chain_id}");
            let unpacked = one(client, layer, *diff_id, &key, &parent, &name).await;
            if unpacked.is_err() {
                // The lease would release it too, but only when it is deleted.
                client.remove_snapshot(&key).await?;
            }
            unpacked?;
        }
        let label = ("containerd.io/uncompressed".to_owned(), diff_id.to_string());
        client
            .label_blob(&layer.digest.to_string(), Labels::from([label]))
            .await?;
        parent = name;
    }
    Ok(chain.last().copied())
}

async fn one(
    client: &Containerd,
    layer: &Descriptor,
    diff_id: Digest,
    key: &str,
    parent: &str,
    name: &str,
) -> Result<(), ImportError> {
    let mounts = client.prepare_snapshot(key, parent, Labels::new()).await?;
    let diff = containerd::Descriptor {
        media_type: layer.media_type.to_string(),
        digest: layer.digest.to_string(),
        size: i64::try_from(layer.size).unwrap_or(i64::MAX),
        ..containerd::Descriptor::default()
    };
    let applied = client.apply(diff, mounts).await?;
    if applied != diff_id.to_string() {
        return Err(ImportError::DiffId {
            layer: layer.digest,
            expected: diff_id,
            applied,
        });
    }
    match client.commit_snapshot(name, key).await {
        // A concurrent import has committed the same layer: use its snapshot.
        Err(error) if error.is_already_exists() => Ok(client.remove_snapshot(key).await?),
        result => Ok(result?),
    }
}

/// The label that keeps the topmost snapshot alive as long as the config.
pub(super) fn snapshot_label(chain_id: Option<Digest>) -> Labels {
    chain_id
        .map(|id| {
            (
                format!("containerd.io/gc.ref.snapshot.{SNAPSHOTTER}"),
                id.to_string(),
            )
        })
        .into_iter()
        .collect()
}
