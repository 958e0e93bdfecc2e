//! Finds the resources of a test's containerd and nodectl on this machine, by kind.

use std::fs;
use std::path::{Path, PathBuf};

use oci::Digest;

/// The six hex digits that mark what `nodectl` creates in a namespace of the containerd in this directory;
/// other instances of `nodectl` may run on the same machine.
pub(super) fn instance(daemon: &Path, namespace: &str) -> String {
    let dir = daemon.join("run").join(namespace);
    Digest::of(dir.as_os_str().as_encoded_bytes()).hex()[..6].to_owned()
}

/// The instance's cgroup in each hierarchy: one for cgroup v2, one for each controller of v1.
pub(super) fn cgroups(instance: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut all: Vec<_> = hierarchies
        .chain([root.to_owned()])
        .map(|hierarchy| hierarchy.join(format!("nodectl-{instance}")))
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

/// Links named after the instance.
pub(super) fn links(instance: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&format!("nc{instance}")))
        .collect();
    names.sort();
    names
}

/// runc's records of containers whose bundle is below a directory.
pub(super) fn runc_of(marker: &str) -> Vec<PathBuf> {
    let of = |entry: fs::DirEntry| {
        let state = fs::read_to_string(entry.path().join("state.json")).unwrap_or_default();
        state.contains(marker).then(|| entry.path())
    };
    let namespaces = fs::read_dir("/run/containerd/runc")
        .into_iter()
        .flatten()
        .flatten();
    let mut all: Vec<_> = namespaces
        .flat_map(|namespace| {
            fs::read_dir(namespace.path())
                .into_iter()
                .flatten()
                .flatten()
        })
        .filter_map(of)
        .collect();
    all.sort();
    all
}

/// Mount points below a directory, and those with an instance's name in their path, in the order in which
/// they were mounted.
pub(super) fn mounts_of(marker: &str, instances: &[String]) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let of_instance = |part: &str| {
        let mut instances = instances.iter();
        instances.any(|instance| {
            part.strip_suffix(instance)
                .is_some_and(|name| name.ends_with('-'))
        })
    };
    text.lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|path| path.starts_with(marker) || path.split('/').any(of_instance))
        .map(PathBuf::from)
        .collect()
}

/// The command line of a process, with spaces; empty if it has exited.
pub(super) fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\0')
        .replace('\0', " ")
}

/// Processes whose command line or environment names `marker`, and those in the instances' cgroups.
pub(super) fn processes_of(marker: &str, instances: &[String]) -> Vec<u32> {
    let of = |pid: u32| {
        // One that has exited and waits to be reaped has no command line.
        let alive = fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|bytes| !bytes.is_empty());
        alive
            && (["cmdline", "environ"].iter().any(|file| {
                let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                bytes
                    .windows(marker.len())
                    .any(|window| window == marker.as_bytes())
            }) || fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|cgroups| {
                let mut instances = instances.iter();
                instances.any(|instance| cgroups.contains(&format!(":/nodectl-{instance}/")))
            }))
    };
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| of(*pid))
        .collect();
    pids.sort_unstable();
    pids
}

/// Every path below a directory; none if it does not exist.
pub(super) fn below(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        all.push(path.clone());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(below(&path));
        }
    }
    all.sort();
    all
}
