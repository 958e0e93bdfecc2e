//! Every resource that a test's containerd and nodectl have on this machine.

use std::path::{Path, PathBuf};

use super::Daemon;
use super::traces::{below, cgroups, command_line, links, mounts_of, processes_of, runc_of};

/// A sorted snapshot, to be compared with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Of each containerd namespace: containers, tasks, snapshots, leases, images, content, uploads.
    pub containerd: Vec<String>,
    /// Links named after the instance.
    pub links: Vec<String>,
    /// Mounts below the test's directory.
    pub mounts: Vec<PathBuf>,
    /// cgroups of the instance.
    pub cgroups: Vec<PathBuf>,
    /// Processes that name the test's directory, except the daemon.
    pub processes: Vec<String>,
    /// nodectl's state and data directories, by path.
    pub state: Vec<PathBuf>,
    /// Files of containerd's snapshots and content.
    pub files: Vec<PathBuf>,
    /// Firewall rules that name nodectl or the instance's links.
    pub rules: Vec<String>,
    /// runc's state of containers, which it keeps outside containerd's directories.
    pub runc: Vec<PathBuf>,
    /// nodectl's named network namespaces.
    pub netns: Vec<PathBuf>,
}

impl Inventory {
    /// Takes a snapshot.
    pub fn take(daemon: &Daemon) -> Self {
        let marker = daemon.dir().display().to_string();
        let instances = daemon.instances();
        let mut processes: Vec<_> = processes_of(&marker, &instances)
            .into_iter()
            .filter(|pid| Some(*pid) != daemon.pid() && *pid != std::process::id())
            .map(|pid| format!("{pid} {}", command_line(pid)))
            .collect();
        processes.sort();
        let below = |name: &str| below(&daemon.path(name));
        // The content store never removes its own directories; only files count.
        let mut files = below("root/io.containerd.content.v1.content");
        files.retain(|path| !path.is_dir());
        files.extend(below(
            "root/io.containerd.snapshotter.v1.overlayfs/snapshots",
        ));
        let rules = std::process::Command::new("iptables-save").output();
        let rules = rules.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let of_instance = |rule: &str| instances.iter().any(|instance| rule.contains(instance));
        let ours = |rule: &&str| rule.contains("nodectl") || of_instance(rule);
        Self {
            containerd: containerd(daemon),
            links: instances.iter().flat_map(|one| links(one)).collect(),
            mounts: mounts_of(&marker, &instances),
            cgroups: instances.iter().flat_map(|one| cgroups(one)).collect(),
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
            netns: super::traces::below(Path::new("/run/netns"))
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
                // ctr prints headers in commands without a quiet mode.
                !line.starts_with("KEY") && !line.starts_with("REF") && !line.is_empty()
            });
            all.extend(lines.map(|line| format!("{namespace}: {kind} {line}")));
        }
    }
    all.sort();
    all
}
