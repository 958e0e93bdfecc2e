//! Everything that a test's containerd and nodectl have on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use oci::Digest;

use super::Daemon;

/// What is there at one moment, sorted, for comparing two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Of each containerd namespace: containers, tasks, snapshots, leases, images, content, uploads.
    pub containerd: Vec<String>,
    /// Links with the instance's names.
    pub links: Vec<String>,
    /// Mounts below the test's directory.
    pub mounts: Vec<PathBuf>,
    /// cgroups of the instance.
    pub cgroups: Vec<PathBuf>,
    /// Processes that name the test's directory, but for the daemon.
    pub processes: Vec<String>,
    /// nodectl's state and data directories, by path.
    pub state: Vec<PathBuf>,
    /// Files of containerd's snapshots and content.
    pub files: Vec<PathBuf>,
    /// Firewall rules that name nodectl or the instance's links.
    pub rules: Vec<String>,
    /// What runc remembers of containers, which it keeps outside containerd's directories.
    pub runc: Vec<PathBuf>,
    /// Named network namespaces of nodectl's.
    pub netns: Vec<PathBuf>,
}

impl Inventory {
    /// Takes stock.
    pub fn take(daemon: &Daemon) -> Self {
        let marker = daemon.dir().display().to_string();
        let own = daemon_pid(daemon);
        let mut processes: Vec<_> = processes_of(&marker, &instance(daemon))
            .into_iter()
            .filter(|pid| Some(*pid) != own && *pid != std::process::id())
            .map(|pid| format!("{pid} {}", command_line(pid)))
            .collect();
        processes.sort();
        let below = |name: &str| below(&daemon.path(name));
        // The store's own directories stay once they are made; what counts is what is in them.
        let mut files = below("root/io.containerd.content.v1.content");
        files.retain(|path| !path.is_dir());
        files.extend(below(
            "root/io.containerd.snapshotter.v1.overlayfs/snapshots",
        ));
        let rules = std::process::Command::new("iptables-save").output();
        let rules = rules.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let ours = |rule: &&str| rule.contains("nodectl") || rule.contains(&instance(daemon));
        Self {
            containerd: containerd(daemon),
            links: links(&instance(daemon)),
            mounts: mounts_of(&marker),
            cgroups: cgroups(&instance(daemon)),
            processes,
            state: [below("run"), below("data")].concat(),
            runc: runc_of(&marker),
            files,
            rules: rules
                .unwrap_or_default()
                .lines()
                .filter(ours)
                .map(str::to_owned)
                .collect(),
            netns: super::inventory::below(Path::new("/run/netns"))
                .into_iter()
                .filter(|path| path.to_string_lossy().contains("nodectl"))
                .collect(),
        }
    }
}

fn containerd(daemon: &Daemon) -> Vec<String> {
    let mut all = Vec::new();
    for namespace in daemon.ctr(&["namespaces", "list", "-q"]).lines() {
        all.push(format!("namespace {namespace}"));
        for (kind, args) in [
            ("container", &["containers", "list", "-q"][..]),
            ("task", &["tasks", "list", "-q"]),
            ("snapshot", &["snapshots", "list"]),
            ("lease", &["leases", "list", "-q"]),
            ("image", &["images", "list", "-q"]),
            ("content", &["content", "list", "-q"]),
            ("upload", &["content", "active"]),
        ] {
            let args = [&["--namespace", namespace], args].concat();
            let listed = daemon.ctr(&args);
            let lines = listed.lines().filter(|line| {
                // ctr prints headers where it has no quiet mode.
                !line.starts_with("KEY") && !line.starts_with("REF") && !line.is_empty()
            });
            all.extend(lines.map(|line| format!("{namespace}: {kind} {line}")));
        }
    }
    all.sort();
    all
}

/// The six digits that mark what `nodectl` makes for this daemon: another `nodectl` may be at work
/// on the same machine.
pub(super) fn instance(daemon: &Daemon) -> String {
    let dir = daemon.path("run").join("nodectl");
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
        .map(|hierarchy| hierarchy.join("nodectl").join(instance))
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

/// Links with names that the instance gives.
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

/// Mount points below a directory, in the order they were made.
pub(super) fn mounts_of(marker: &str) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|path| path.starts_with(marker))
        .map(PathBuf::from)
        .collect()
}

/// Processes whose command line or environment names `marker`, and those in the instance's cgroups.
pub(super) fn processes_of(marker: &str, instance: &str) -> Vec<u32> {
    let of = |pid: u32| {
        // One that has ended and waits to be reaped has no command line.
        let alive = fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|bytes| !bytes.is_empty());
        alive
            && (["cmdline", "environ"].iter().any(|file| {
                let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                bytes
                    .windows(marker.len())
                    .any(|window| window == marker.as_bytes())
            }) || fs::read_to_string(format!("/proc/{pid}/cgroup"))
                .is_ok_and(|cgroups| cgroups.contains(&format!(":/nodectl/{instance}/"))))
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

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

fn daemon_pid(daemon: &Daemon) -> Option<u32> {
    let config = daemon.path("config.toml").display().to_string();
    processes_of(&config, "")
        .into_iter()
        .find(|pid| command_line(*pid).contains("--config"))
}

/// Every path below a directory; none if it is not there.
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
