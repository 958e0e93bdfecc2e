//! A container's resource usage, from its cgroup: version 1 or 2.
//!
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>,
//! <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Host;

/// The usage so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// CPU time, in nanoseconds.
    pub cpu_nanos: u64,
    /// Time for which the CPU limit throttled its threads, in nanoseconds, summed over the threads.
    pub throttled_nanos: u64,
    /// Enforcement periods of the CPU limit so far; 0 without a limit.
    pub periods: u64,
    /// Periods in which the limit throttled it.
    pub throttled_periods: u64,
}

/// A cgroup's memory at one point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// Memory that cannot be reclaimed immediately, in bytes: usage less inactive file pages, the kubelet's
    /// working set.
    #[serde(rename = "memory_working_set_bytes")]
    pub working_set_bytes: u64,
    /// OOM-killed processes.
    pub oom_kills: u64,
}

/// A cgroup's figures at one point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CgroupStats {
    /// The usage so far.
    pub usage: Usage,
    /// Its memory.
    #[serde(flatten)]
    pub memory: Memory,
    /// The memory limit in bytes, if there is one.
    pub memory_limit_bytes: Option<u64>,
    /// Threads.
    pub pids: u64,
}

/// Levels of directories between a hierarchy's root and a container's cgroup, at most: four under
/// systemd, and a few more if the node is itself a container.
const MAX_DEPTH: usize = 8;

/// Where cgroups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The cgroups of a container, one for each controller under version 1.
#[derive(Debug)]
pub(super) struct Cgroups<'a> {
    host: &'a Host,
    /// The container.
    id: &'a str,
    /// `/proc/PID/cgroup` of its process.
    text: String,
}

impl<'a> Cgroups<'a> {
    /// The cgroups of process `pid` of the container `id`, or `None` if it has exited.
    pub(super) fn of(host: &'a Host, pid: u32, id: &'a str) -> Option<Self> {
        let text = host.text(format!("/proc/{pid}/cgroup"))?;
        Some(Self { host, id, text })
    }

    /// Whether they are named after the container, as by the CRI plugin. Those of a process that has reused
    /// the ID of an exited one are not, nor are those of other runtimes.
    pub(super) fn are_named(&self) -> bool {
        self.text
            .lines()
            .any(|line| is_named(line.rsplit('/').next().unwrap_or_default(), self.id))
    }

    /// Whether its processes are frozen, as those of a paused container.
    pub(super) fn are_frozen(&self) -> bool {
        let state = |path: PathBuf, file| self.host.text(path.join(file)).unwrap_or_default();
        match self.controller("freezer") {
            Some(path) => state(path, "freezer.state").trim() != "THAWED",
            None => self
                .unified()
                .is_none_or(|path| field(&state(path, "cgroup.events"), "frozen") != 0),
        }
    }

    /// Only its memory.
    pub(super) fn memory(&self) -> Option<Memory> {
        match self.controller("memory") {
            Some(path) => Some(memory_1(self.host, &path)),
            None => Some(memory_2(self.host, &self.unified()?)),
        }
    }

    /// All figures.
    pub(super) fn stats(&self) -> Option<CgroupStats> {
        match self.controller("memory") {
            Some(memory) => Some(version_1(self.host, &memory, |name| self.controller(name))),
            None => Some(version_2(self.host, &self.unified()?)),
        }
    }

    /// The directory of a controller of version 1.
    fn controller(&self, controller: &str) -> Option<PathBuf> {
        let path = self.text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let mine = controllers.split(',').any(|name| name == controller);
            mine.then_some(path)
        })?;
        let hierarchy = Path::new(ROOT).join(controller);
        directory(self.host, &hierarchy, path, self.id)
    }

    /// The directory of version 2.
    fn unified(&self) -> Option<PathBuf> {
        let mut lines = self.text.lines();
        let path = lines.find_map(|line| line.strip_prefix("0::"))?;
        directory(self.host, Path::new(ROOT), path, self.id)
    }
}

/// Whether a cgroup is named after a container: its ID, or under systemd `cri-containerd-ID.scope`.
fn is_named(name: &str, id: &str) -> bool {
    name.strip_suffix(".scope").unwrap_or(name).ends_with(id)
}

/// The directory in a hierarchy of the cgroup that /proc calls `path`.
///
/// To a process in its own cgroup namespace, as in a pod's containers under version 2, /proc shows paths
/// relative to that namespace's root (`cgroup_namespaces(7)`): `/` for its own cgroup, and `/../../…` for
/// others. The root is unknown there, so the container's cgroup is looked up by the name that the
/// runtime gives it.
fn directory(host: &Host, hierarchy: &Path, path: &str, id: &str) -> Option<PathBuf> {
    let relative = path == "/" || path.starts_with("/..");
    if !relative {
        return Some(hierarchy.join(path.trim_start_matches('/')));
    }
    let mut level = vec![hierarchy.to_owned()];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for parent in level {
            for name in host.directories(&parent) {
                let path = parent.join(&name);
                if is_named(&name, id) {
                    return Some(path);
                }
                below.push(path);
            }
        }
        level = below;
    }
    None
}

fn version_1(host: &Host, memory: &Path, of: impl Fn(&str) -> Option<PathBuf>) -> CgroupStats {
    let value = |path: Option<PathBuf>, file: &str| path.and_then(|path| number(host, &path, file));
    let cpu = of("cpu")
        .and_then(|path| host.text(path.join("cpu.stat")))
        .unwrap_or_default();
    let limit = number(host, memory, "memory.limit_in_bytes");
    CgroupStats {
        usage: Usage {
            cpu_nanos: value(of("cpuacct"), "cpuacct.usage").unwrap_or(0),
            throttled_nanos: field(&cpu, "throttled_time"),
            periods: field(&cpu, "nr_periods"),
            throttled_periods: field(&cpu, "nr_throttled"),
        },
        memory: memory_1(host, memory),
        // The kernel represents no limit as the largest number of pages.
        memory_limit_bytes: limit.filter(|limit| *limit < 1 << 62),
        pids: value(of("pids"), "pids.current").unwrap_or(0),
    }
}

fn memory_1(host: &Host, path: &Path) -> Memory {
    let text = |file: &str| host.text(path.join(file)).unwrap_or_default();
    let usage = number(host, path, "memory.usage_in_bytes").unwrap_or(0);
    let inactive = field(&text("memory.stat"), "total_inactive_file");
    Memory {
        working_set_bytes: usage.saturating_sub(inactive),
        oom_kills: field(&text("memory.oom_control"), "oom_kill"),
    }
}

fn version_2(host: &Host, path: &Path) -> CgroupStats {
    let cpu = host.text(path.join("cpu.stat")).unwrap_or_default();
    CgroupStats {
        usage: Usage {
            cpu_nanos: field(&cpu, "usage_usec").saturating_mul(1000),
            throttled_nanos: field(&cpu, "throttled_usec").saturating_mul(1000),
            periods: field(&cpu, "nr_periods"),
            throttled_periods: field(&cpu, "nr_throttled"),
        },
        memory: memory_2(host, path),
        // The kernel represents no limit as `max`.
        memory_limit_bytes: number(host, path, "memory.max"),
        pids: number(host, path, "pids.current").unwrap_or(0),
    }
}

fn memory_2(host: &Host, path: &Path) -> Memory {
    let text = |file: &str| host.text(path.join(file)).unwrap_or_default();
    let inactive = field(&text("memory.stat"), "inactive_file");
    let usage = number(host, path, "memory.current").unwrap_or(0);
    Memory {
        working_set_bytes: usage.saturating_sub(inactive),
        oom_kills: field(&text("memory.events"), "oom_kill"),
    }
}

/// The number that a file holds.
fn number(host: &Host, path: &Path, file: &str) -> Option<u64> {
    host.text(path.join(file))?.trim().parse().ok()
}

/// The number in a line `NAME NUMBER`; 0 if it is missing.
fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &Host, pid: u32, id: &str) -> Option<CgroupStats> {
        Cgroups::of(host, pid, id)?.stats()
    }

    fn node(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let host = Host::new(dir.path());
        (dir, host)
    }

    #[test]
    fn version_2_has_one_hierarchy() {
        let at = "sys/fs/cgroup/kubepods.slice/a.scope";
        let (_dir, host) = node(&[
            ("proc/7/cgroup", "0::/kubepods.slice/a.scope\n"),
            (
                &format!("{at}/cpu.stat"),
                "usage_usec 1500\nuser_usec 1\nnr_periods 9\nnr_throttled 4\nthrottled_usec 20\n",
            ),
            (&format!("{at}/memory.current"), "1000\n"),
            (&format!("{at}/memory.stat"), "anon 1\ninactive_file 300\n"),
            (&format!("{at}/memory.max"), "max\n"),
            (&format!("{at}/memory.events"), "oom 2\noom_kill 1\n"),
            (&format!("{at}/pids.current"), "4\n"),
        ]);
        let stats = read(&host, 7, "a").unwrap();
        let expected = CgroupStats {
            usage: Usage {
                cpu_nanos: 1_500_000,
                throttled_nanos: 20_000,
                periods: 9,
                throttled_periods: 4,
            },
            memory: Memory {
                working_set_bytes: 700,
                oom_kills: 1,
            },
            memory_limit_bytes: None,
            pids: 4,
        };
        assert_eq!(stats, expected);
        assert_eq!(read(&host, 8, "a"), None);
    }

    #[test]
    fn version_1_has_one_for_each_controller() {
        let (_dir, host) = node(&[
            (
                "proc/7/cgroup",
                "4:memory:/k/a\n3:cpu,cpuacct:/k/a\n2:pids:/k/a\n0::/k/a\n",
            ),
            ("sys/fs/cgroup/memory/k/a/memory.usage_in_bytes", "1000\n"),
            ("sys/fs/cgroup/memory/k/a/memory.limit_in_bytes", "4096\n"),
            (
                "sys/fs/cgroup/memory/k/a/memory.stat",
                "inactive_file 9\ntotal_inactive_file 400\n",
            ),
            (
                "sys/fs/cgroup/memory/k/a/memory.oom_control",
                "under_oom 0\noom_kill 3\n",
            ),
            ("sys/fs/cgroup/cpuacct/k/a/cpuacct.usage", "777\n"),
            (
                "sys/fs/cgroup/cpu/k/a/cpu.stat",
                "nr_periods 2\nnr_throttled 1\nthrottled_time 5\n",
            ),
            ("sys/fs/cgroup/pids/k/a/pids.current", "2\n"),
        ]);
        let expected = CgroupStats {
            usage: Usage {
                cpu_nanos: 777,
                throttled_nanos: 5,
                periods: 2,
                throttled_periods: 1,
            },
            memory: Memory {
                working_set_bytes: 600,
                oom_kills: 3,
            },
            memory_limit_bytes: Some(4096),
            pids: 2,
        };
        assert_eq!(read(&host, 7, "a"), Some(expected));
    }

    /// In a cgroup namespace, /proc shows relative paths, and `/` for the reader's own cgroup.
    #[test]
    fn a_cgroup_path_relative_to_another_one_is_resolved_by_the_containers_id() {
        let (_dir, host) = node(&[
            (
                "proc/7/cgroup",
                "0::/../../b.slice/cri-containerd-bb.scope\n",
            ),
            ("proc/8/cgroup", "0::/\n"),
            ("proc/9/cgroup", "4:memory:/../b/bb\n2:pids:/../b/bb\n"),
            ("sys/fs/cgroup/pids.current", "999\n"),
            (
                "sys/fs/cgroup/k.slice/b.slice/cri-containerd-bb.scope/pids.current",
                "4\n",
            ),
            (
                "sys/fs/cgroup/k.slice/a.slice/cri-containerd-aa.scope/pids.current",
                "5\n",
            ),
            ("sys/fs/cgroup/memory/k/b/bb/memory.usage_in_bytes", "70\n"),
            ("sys/fs/cgroup/pids/k/b/bb/pids.current", "6\n"),
        ]);
        let pids = |pid, id| read(&host, pid, id).map(|stats| stats.pids);
        assert_eq!(pids(7, "bb"), Some(4));
        assert_eq!(pids(8, "aa"), Some(5));
        assert_eq!(pids(9, "bb"), Some(6));
        assert_eq!(read(&host, 9, "bb").unwrap().memory.working_set_bytes, 70);
        assert_eq!(pids(7, "gone"), None);
    }

    #[test]
    fn paused_containers_and_reused_process_ids_are_recognized() {
        let v2 = |pid: u32, name: &str| {
            (
                format!("proc/{pid}/cgroup"),
                format!("0::/k.slice/{name}\n"),
            )
        };
        let v1 = |pid: u32| {
            (
                format!("proc/{pid}/cgroup"),
                format!("4:freezer:/k/c{pid}\n3:memory:/k/c{pid}\n0::/\n"),
            )
        };
        let file = |path: &str, text: &str| (format!("sys/fs/cgroup/{path}"), text.to_owned());
        let files = [
            v2(1, "cri-containerd-c1.scope"),
            file(
                "k.slice/cri-containerd-c1.scope/cgroup.events",
                "populated 1\nfrozen 0\n",
            ),
            v2(2, "c2"),
            file("k.slice/c2/cgroup.events", "populated 1\nfrozen 1\n"),
            v1(3),
            file("freezer/k/c3/freezer.state", "THAWED\n"),
            v1(4),
            file("freezer/k/c4/freezer.state", "FREEZING\n"),
        ];
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (&**path, &**text))
            .collect();
        let (_dir, host) = node(&files);
        let of = |pid, id| {
            let cgroups = Cgroups::of(&host, pid, id)?;
            Some((cgroups.are_named(), cgroups.are_frozen()))
        };
        assert_eq!(of(1, "c1"), Some((true, false)));
        assert_eq!(of(2, "c2"), Some((true, true)));
        assert_eq!(of(3, "c3"), Some((true, false)));
        assert_eq!(of(4, "c4"), Some((true, true)));
        assert_eq!(of(1, "c9").map(|(named, _)| named), Some(false));
        assert_eq!(of(5, "c5"), None);
    }
}
