//! Removes all resources of an instance, found by labels and names: after `up`, and after a crash at any
//! point. It is idempotent.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use oci::Digest;
use tokio::time::sleep;

use super::container;
use super::instance::Instance;
use super::observe::observe;
use super::record::labels;
use super::sandbox;
use super::sandbox_error::SandboxError;
use super::shared;
use super::shim;
use super::writers;
use crate::containerd::{self, Containerd, Labels};
use crate::images::UPLOAD_PREFIX;
use crate::network;

/// The number of removed resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Pods.
    pub pods: usize,
    /// Containers.
    pub containers: usize,
    /// Images that `up` had imported.
    pub images: usize,
}

/// Removes all resources of an instance from containerd and the network, and the containerd namespace if it
/// is empty then. [`super::Lock::remove_dir`] removes the state directory. The lease that this needs expires at
/// `expires_ms`, in milliseconds since 1970, if this process is killed.
///
/// # Errors
/// The first that occurs; a repeated call removes the rest.
pub async fn remove_all(
    client: &Containerd,
    instance: &Instance,
    expires_ms: i64,
) -> Result<Removed, SweepError> {
    let mut removed = Removed::default();
    client.wait_for_transactions().await?;
    let (pods, strays) = observe(client, &instance.id).await?;
    let ids: Vec<_> = pods
        .iter()
        .flat_map(|pod| pod.containers.iter().map(|one| &one.id))
        .chain(&strays)
        .collect();
    let removals: Vec<_> = ids.iter().map(|id| container::remove(client, id)).collect();
    removed.containers = removals.len();
    removed.pods = pods.len();
    for result in join_all(removals).await {
        result?;
    }
    for pod in &pods {
        sandbox::remove(instance, &pod.record).await?;
    }
    orphans(client, instance, &BTreeSet::new()).await?;
    for id in &ids {
        shim::forget(client.namespace(), id).await;
    }
    writers::remove(instance, |_| false).await;
    network::remove_link(&instance.bridge).await?;
    super::cgroup::remove(&instance.cgroup());
    for image in client.images().await? {
        if image.labels.get(labels::IMPORTED) == Some(&instance.id)
            && client.remove_image(&image.name, true).await?
        {
            removed.images += 1;
        }
    }
    delete_namespace(client).await?;
    // Content that nothing refers to any more still exists, and so do the files of the namespace's
    // uploads.
    collect_garbage(client, instance, expires_ms).await?;
    delete_namespace(client).await?;
    Ok(removed)
}

/// Deletes the client's namespace, unless there is something in it besides uploads.
async fn delete_namespace(client: &Containerd) -> Result<(), containerd::Error> {
    match client.delete_namespace().await {
        Err(error) if !error.is_failed_precondition() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes containerd collect its garbage, and waits for it: containerd does so when a lease is deleted. It looks
/// for upload files that belong to no namespace only if a blob was removed as well.
async fn collect_garbage(
    client: &Containerd,
    instance: &Instance,
    expires_ms: i64,
) -> Result<(), containerd::Error> {
    let id = format!("nodectl-{}-garbage", instance.id);
    let mark = Labels::from([(labels::INSTANCE.to_owned(), instance.id.clone())]);
    // It holds nothing, but must not expire before it is deleted: another collection would remove it, and then
    // containerd would not wait for one.
    client.lease(&id, mark, expires_ms).await?;
    // Nothing refers to this blob.
    let blob = id.clone().into_bytes();
    let (digest, size_bytes) = (Digest::of(&blob).to_string(), blob.len() as u64);
    let upload = format!("{UPLOAD_PREFIX}{}", instance.import_prefix());
    let source = std::io::Cursor::new(blob);
    let written = client
        .write_blob(&upload, (&digest, size_bytes), Labels::new(), source)
        .await;
    client.release(&id, true).await?;
    written.map(drop)
}

/// How often, and at what interval, to look for uploads and shims that appear late.
const LOOKS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);

/// Removes resources that belong to no pod of `keep`, such as those that were being created when a nodectl
/// was killed.
///
/// # Errors
/// The first that occurs.
pub(super) async fn orphans(
    client: &Containerd,
    instance: &Instance,
    keep: &BTreeSet<String>,
) -> Result<(), SweepError> {
    let containers: BTreeSet<String> = client
        .containers(&[])
        .await?
        .into_iter()
        .map(|container| container.snapshot_key)
        .collect();
    for snapshot in client.snapshots().await? {
        let ours = snapshot.labels.get(labels::INSTANCE) == Some(&instance.id);
        if ours && snapshot.active && !containers.contains(&snapshot.name) {
            client.remove_snapshot(&snapshot.name).await?;
        }
    }
    writers::remove(instance, |id| containers.contains(id)).await;
    let uploads = format!("{UPLOAD_PREFIX}{}", instance.import_prefix());
    client.abort_uploads(&uploads).await?;
    let mut cut_short = false;
    for lease in client.leases().await? {
        if lease.labels.get(labels::INSTANCE) == Some(&instance.id) {
            cut_short = true;
            client.release(&lease.id, true).await?;
        }
    }
    shim::remove_orphans(client).await?;
    // containerd may still be handling a request of a client that was just killed: an upload or a
    // shim may yet appear.
    for _ in 0..if cut_short { LOOKS } else { 0 } {
        sleep(PAUSE).await;
        client.abort_uploads(&uploads).await?;
        shim::remove_orphans(client).await?;
    }
    let prefix = instance.link_prefix();
    for link in network::links_with_prefix(&prefix).await? {
        let suffix = link.trim_start_matches(&prefix);
        if !keep
            .iter()
            .any(|pod| pod.rsplit('-').next() == Some(suffix))
        {
            network::remove_link(&link).await?;
        }
    }
    let entries = fs::read_dir(instance.netns_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        if !keep.contains(&*entry.file_name().to_string_lossy()) {
            network::release(&entry.path())?;
        }
    }
    let entries = fs::read_dir(instance.ipc_dir()).into_iter().flatten();
    for entry in entries.flatten() {
        if !keep.contains(&*entry.file_name().to_string_lossy()) {
            shared::release(&entry.path())?;
        }
    }
    let entries = fs::read_dir(instance.pods_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !keep.contains(&*name) {
            shared::unmount_all(&entry.path())?;
            super::cgroup::remove(&format!("{}/{name}", instance.cgroup()));
            // It is removed with the data directory otherwise.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Why resources could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A call to containerd failed.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// An operation on the network failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A pod's network or files could not be removed.
    #[error("cannot remove the network or files of a pod")]
    Sandbox(#[from] SandboxError),
}
