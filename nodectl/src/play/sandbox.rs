//! A pod's sandbox: its network, files and volumes.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;

use super::instance::Instance;
use super::record::PodRecord;
use super::sandbox_error::SandboxError;
use super::shared::{self, Shared, mount_memory, volumes_of};
use crate::manifest::{ContainerSpec, EmptyDir, Medium};
use crate::network::{self, Bridge, PodNetwork};
use crate::spec::BindMount;

/// The network of a pod.
pub(super) fn pod_network(instance: &Instance, record: &PodRecord) -> PodNetwork {
    let random = record.name.rsplit('-').next().unwrap_or(&record.name);
    PodNetwork {
        netns: instance.netns_dir().join(&record.name),
        host_link: format!("{}{random}", instance.link_prefix()),
        address: record.address,
    }
}

/// Creates the network, files and volumes of a pod; existing ones are kept.
pub(super) async fn ensure(
    instance: &Instance,
    bridge: &Bridge,
    record: &PodRecord,
) -> Result<(), SandboxError> {
    let pod = pod_network(instance, record);
    if !network::attached(&pod).await? {
        // It may exist partly.
        network::detach(&pod).await?;
        network::attach(bridge, pod).await?;
    }
    let dir = instance.pods_dir().join(&record.name);
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n",
        record.address, record.name
    );
    let resolv = fs::read("/etc/resolv.conf").unwrap_or_default();
    let volumes = volumes_of(&dir);
    create_dir(&volumes)?;
    create_file(&dir.join("hosts"), hosts.as_bytes())?;
    create_file(
        &dir.join("hostname"),
        format!("{}\n", record.name).as_bytes(),
    )?;
    create_file(&dir.join("resolv.conf"), &resolv)?;
    let spec = &record.template.spec;
    for volume in &spec.volumes {
        let path = volumes.join(&volume.name);
        create_dir(&path)?;
        if volume.empty_dir.medium == Medium::Memory {
            mount_memory(&path, MsFlags::empty(), &size(&volume.empty_dir))?;
        }
        own_volume(&path, spec.security_context.fs_group)?;
    }
    Shared::of(instance, record).ensure()?;
    for container in &spec.containers {
        create_dir(&record.logs_dir(instance).join(&container.name))?;
    }
    Ok(())
}

/// The mount option that limits a volume in memory. Without a limit, or with one of 0, it may take half of the
/// memory, the kernel's default.
fn size(dir: &EmptyDir) -> String {
    let limit = dir.size_limit.filter(|limit| !limit.is_zero());
    limit.map_or_else(String::new, |limit| format!("size={}", limit.whole()))
}

fn create_dir(path: &Path) -> Result<(), SandboxError> {
    fs::create_dir_all(path).map_err(failed(path))
}

/// A file that exists is kept: containers may have written to it.
fn create_file(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, bytes).map_err(failed(path))
}

/// Any user of the pod may write to a volume, as to a kubelet's emptyDir; with an `fsGroup`, what is written
/// belongs to that group.
fn own_volume(path: &Path, fs_group: Option<u32>) -> Result<(), SandboxError> {
    let mode = match fs_group {
        None => 0o777,
        Some(_) => 0o2777,
    };
    // A change of the group may clear the set-group-ID bit.
    chown(path, None, fs_group)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SandboxError {
    let path = path.to_owned();
    move |source| SandboxError::File { path, source }
}

/// The files and volumes that are mounted into a container. As with the kubelet and containerd's CRI plugin,
/// /etc/hosts is writable, and the other files are if the root file system is.
pub(super) fn binds(
    instance: &Instance,
    record: &PodRecord,
    container: &ContainerSpec,
) -> Vec<BindMount> {
    let dir = instance.pods_dir().join(&record.name);
    let file = |name: &str, read_only| BindMount {
        source: dir.join(name),
        destination: Path::new("/etc").join(name),
        read_only,
    };
    let read_only = container.security_context.read_only_root_filesystem == Some(true);
    let mut binds = vec![
        file("hosts", false),
        file("hostname", read_only),
        file("resolv.conf", read_only),
    ];
    binds.extend(container.volume_mounts.iter().map(|mount| BindMount {
        source: volumes_of(&dir).join(&mount.name),
        destination: PathBuf::from(&mount.mount_path),
        read_only: mount.read_only,
    }));
    binds
}

/// Removes the network, files and volumes of a pod; missing ones are not an error.
pub(super) async fn remove(instance: &Instance, record: &PodRecord) -> Result<(), SandboxError> {
    network::detach(&pod_network(instance, record)).await?;
    shared::release(&Shared::of(instance, record).ipc)?;
    shared::unmount_all(&instance.pods_dir().join(&record.name))?;
    super::cgroup::remove(&format!("{}/{}", instance.cgroup(), record.name));
    for path in [
        instance.pods_dir().join(&record.name),
        record.logs_dir(instance),
    ] {
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(SandboxError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}
