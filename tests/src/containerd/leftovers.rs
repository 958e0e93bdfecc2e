//! Resources that a test leaks on this machine outside containerd's own stores, and their removal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::shim::{is_shim, sockets_of};
use super::traces::{below, cgroups, command_line, links, mounts_of, processes_of, runc_of};

/// A limit against a hang: kills and unmounts take effect within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a finished process may take to exit: a shim's `delete`, a killed client.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where `nodectl` keeps its state and data by default.
const DEFAULT_DIRS: [&str; 2] = ["/run/nodectl", "/var/lib/nodectl"];

/// Identifies the resources of the tests on a daemon.
pub(super) struct Marks<'a> {
    /// The daemon's directory, which is in paths, command lines and environments.
    pub(super) dir: &'a Path,
    /// The instances of `nodectl` on it.
    pub(super) instances: Vec<String>,
    /// The daemon's own process.
    pub(super) pid: Option<u32>,
}

/// The resources of the tests on this daemon, a line each, without the daemon itself and, except for
/// `nodectl`'s files, without its directory.
pub(super) fn of(marks: &Marks<'_>) -> Vec<String> {
    let mut all = outside(marks);
    let files = ["run", "data"].map(|name| below(&marks.dir.join(name)));
    let files = files.iter().flatten();
    all.extend(files.map(|path| format!("file {}", path.display())));
    all
}

/// As [`of`], after waiting for processes that are about to exit.
pub(super) fn after_exits(marks: &Marks<'_>) -> Vec<String> {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    loop {
        let left = of(marks);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn outside(marks: &Marks<'_>) -> Vec<String> {
    let instances = &marks.instances;
    let marker = marks.dir.display().to_string();
    let named = |kind: &'static str| move |path: PathBuf| format!("{kind} {}", path.display());
    let mounts = mounts_of(&marker, instances);
    let mut all: Vec<_> = mounts.into_iter().map(named("mount")).collect();
    all.extend(runc_of(&marker).into_iter().map(named("runc state")));
    let others = others(marks).into_iter();
    all.extend(others.map(|pid| format!("process {pid} {}", command_line(pid))));
    for instance in instances {
        let links = links(instance).into_iter();
        all.extend(links.map(|link| format!("network link {link}")));
        all.extend(cgroups(instance).into_iter().map(named("cgroup")));
        all.extend(default_dirs(instance).into_iter().map(named("directory")));
    }
    all
}

/// The processes that belong to the daemon's tests, except the daemon and the test.
fn others(marks: &Marks<'_>) -> Vec<u32> {
    let marker = marks.dir.display().to_string();
    let mut all = processes_of(&marker, &marks.instances);
    all.retain(|pid| Some(*pid) != marks.pid && *pid != std::process::id());
    all
}

/// The directories of an instance that does not keep its files beside the daemon.
fn default_dirs(instance: &str) -> Vec<PathBuf> {
    let suffix = format!("-{instance}");
    let entries = DEFAULT_DIRS.iter().flat_map(fs::read_dir).flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(&suffix))
        .collect()
}

/// Kills every process of the tests but the daemon; returns the sockets of the shims among them.
pub(super) fn kill(marks: &Marks<'_>) -> Vec<PathBuf> {
    let pid = |pid: u32| Pid::from_raw(i32::try_from(pid).ok()?);
    let others = others(marks);
    let shims = others.iter().copied().filter(|pid| is_shim(*pid));
    let sockets = shims.filter_map(pid).flat_map(sockets_of).collect();
    for pid in others.into_iter().filter_map(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    sockets
}

/// Removes the leaked resources and `sockets` once the daemon has stopped; returns those that could not
/// be removed.
pub(super) fn remove(marks: &Marks<'_>, sockets: &[PathBuf]) -> Vec<String> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        kill(marks);
        let instances = &marks.instances;
        let marker = marks.dir.display().to_string();
        for mount in mounts_of(&marker, instances).iter().rev() {
            let _ = Command::new("umount").arg("-l").arg(mount).output();
        }
        for directory in runc_of(&marker) {
            let _ = fs::remove_dir_all(directory);
        }
        for instance in instances {
            for cgroup in cgroups(instance) {
                for below in below(&cgroup).iter().rev() {
                    let _ = fs::remove_dir(below);
                }
                let _ = fs::remove_dir(cgroup);
            }
            for link in links(instance) {
                let _ = Command::new("ip").args(["link", "delete", &link]).output();
            }
            for directory in default_dirs(instance) {
                let _ = fs::remove_dir_all(directory);
            }
        }
        // A killed shim does not remove its sockets, which are in a directory that all daemons share.
        for socket in sockets {
            let _ = fs::remove_file(socket);
        }
        let left = outside(marks);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
