//! The mounts of every container, and of the pod's files and volumes.

use std::path::{Component, Path, PathBuf};

use oci_spec::runtime::{Mount, MountBuilder};

/// A file or directory of the host inside a container.
#[derive(Clone, Debug)]
pub(crate) struct BindMount {
    /// The path on the host.
    pub source: PathBuf,
    /// The path in the container.
    pub destination: PathBuf,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// All mounts of a container, in the order in which the runtime mounts them: by depth, so that none hides
/// another one below it (as containerd's CRI plugin sorts them).
pub(super) fn all(pod_shm: &Path, binds: &[BindMount]) -> Vec<Mount> {
    let mut all = common(pod_shm);
    all.extend(binds.iter().map(bind));
    all.sort_by_key(|mount| depth(mount.destination()));
    all
}

fn depth(path: &Path) -> usize {
    let steps = path.components();
    steps
        .filter(|step| matches!(step, Component::Normal(_)))
        .count()
}

/// The file systems of every container, as runc's own default spec has them, with the pod's /dev/shm.
fn common(pod_shm: &Path) -> Vec<Mount> {
    let safe = ["nosuid", "noexec", "nodev"];
    let mut shm = mount(
        "/dev/shm",
        "bind",
        "",
        &["rbind", "rprivate", "nosuid", "noexec", "nodev", "rw"],
    );
    shm.set_source(Some(pod_shm.to_owned()));
    vec![
        mount("/proc", "proc", "proc", &safe),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &safe),
        shm,
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
        // So that a program can read its own limits.
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ]
}

/// A bind mount with private propagation, so that mounts inside are not visible outside.
fn bind(bind: &BindMount) -> Mount {
    let write = if bind.read_only { "ro" } else { "rw" };
    let mut mount = mount(
        "",
        "bind",
        "",
        &["rbind", "rprivate", "nosuid", "nodev", write],
    );
    mount.set_destination(bind.destination.clone());
    mount.set_source(Some(bind.source.clone()));
    mount
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    MountBuilder::default()
        .destination(destination)
        .typ(kind)
        .source(source)
        .options(options.iter().map(ToString::to_string).collect::<Vec<_>>())
        .build()
        .expect("every field that has no default is set")
}
