//! A pod's sandbox: its network, files and volumes.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::instance::Instance;
use super::record::PodRecord;
use super::sandbox_error::SandboxError;
use super::shared::Shared;
use crate::manifest::ContainerSpec;
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
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).map_err(|source| SandboxError::File {
            path: path.to_owned(),
            source,
        })
    };
    let create_dir = |path: &Path| {
        fs::create_dir_all(path).map_err(|source| SandboxError::File {
            path: path.to_owned(),
            source,
        })
    };
    create_dir(&dir.join("volumes"))?;
    write(&dir.join("hosts"), hosts.as_bytes())?;
    write(
        &dir.join("hostname"),
        format!("{}\n", record.name).as_bytes(),
    )?;
    write(&dir.join("resolv.conf"), &resolv)?;
    for volume in &record.template.spec.volumes {
        let path = dir.join("volumes").join(&volume.name);
        create_dir(&path)?;
        // Any user of the pod may write, as in a kubelet's emptyDir.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))
            .map_err(|source| SandboxError::File { path, source })?;
    }
    Shared::of(instance, record).ensure()?;
    for container in &record.template.spec.containers {
        create_dir(&record.logs_dir(instance).join(&container.name))?;
    }
    Ok(())
}

/// The files and volumes that are mounted into a container.
pub(super) fn binds(
    instance: &Instance,
    record: &PodRecord,
    container: &ContainerSpec,
) -> Vec<BindMount> {
    let dir = instance.pods_dir().join(&record.name);
    let file = |name: &str| BindMount {
        source: dir.join(name),
        destination: Path::new("/etc").join(name),
        read_only: true,
    };
    let mut binds = vec![file("hosts"), file("hostname"), file("resolv.conf")];
    binds.extend(container.volume_mounts.iter().map(|mount| BindMount {
        source: dir.join("volumes").join(&mount.name),
        destination: PathBuf::from(&mount.mount_path),
        read_only: mount.read_only,
    }));
    binds
}

/// Removes the network, files and volumes of a pod; missing ones are not an error.
pub(super) async fn remove(instance: &Instance, record: &PodRecord) -> Result<(), SandboxError> {
    network::detach(&pod_network(instance, record)).await?;
    Shared::of(instance, record).remove()?;
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
