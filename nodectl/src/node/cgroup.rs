//! What a container uses, from its cgroup: version 1 or 2.
//!
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>,
//! <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Host;

/// What has been used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// CPU time, in nanoseconds.
    pub cpu_nanos: u64,
    /// Time that the CPU limit held its threads back, in nanoseconds, of all its threads together.
    pub throttled_nanos: u64,
    /// Enforcement periods of the CPU limit so far; 0 without a limit.
    pub periods: u64,
    /// Periods in which the limit held it back.
    pub throttled_periods: u64,
}

/// A cgroup's figures at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CgroupStats {
    /// What has been used so far.
    pub usage: Usage,
    /// Memory that cannot be had back at once, in bytes: usage less inactive file pages, what the
    /// kubelet calls the working set.
    pub memory_working_set_bytes: u64,
    /// The memory limit in bytes, if there is one.
    pub memory_limit_bytes: Option<u64>,
    /// Processes that were killed for want of memory.
    pub oom_kills: u64,
    /// Threads.
    pub pids: u64,
}

/// Levels of directories between a hierarchy's root and a container's cgroup, at most: four under
/// systemd, and a few more where the node is a container itself.
const MAX_DEPTH: usize = 8;

/// The figures of the cgroups that process `pid` of the container `id` is in, or `None` if it is
/// gone.
pub(super) fn read(host: &Host, pid: u32, id: &str) -> Option<CgroupStats> {
    let text = host.text(format!("/proc/{pid}/cgroup"))?;
    let root = Path::new("/sys/fs/cgroup");
    let path_of = |controller: &str| -> Option<&str> {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let mine = controllers.split(',').any(|name| name == controller);
            mine.then_some(path)
        })
    };
    if path_of("memory").is_some() {
        let of =
            |controller: &str| directory(host, &root.join(controller), path_of(controller)?, id);
        return Some(version_1(host, &of("memory")?, of));
    }
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(version_2(host, &directory(host, root, path, id)?))
}

/// Where in a hierarchy a cgroup is that /proc calls `path`.
///
/// To a process in a cgroup namespace of its own, as a pod's containers are under version 2, /proc
/// tells the way from there (`cgroup_namespaces(7)`): `/` for its own cgroup, and `/../../…` for
/// others. Which cgroup it starts from cannot be known there, so the container's is looked for by
/// the name that the runtime gives it.
fn directory(host: &Host, hierarchy: &Path, path: &str, id: &str) -> Option<PathBuf> {
    let relative = path == "/" || path.starts_with("/..");
    if !relative {
        return Some(hierarchy.join(path.trim_start_matches('/')));
    }
    let named = |name: &str| name.strip_suffix(".scope").unwrap_or(name).ends_with(id);
    let mut level = vec![hierarchy.to_owned()];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for parent in level {
            for name in host.directories(&parent) {
                let path = parent.join(&name);
                if named(&name) {
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
    let value = |path: Option<PathBuf>, file: &str| {
        path.and_then(|path| host.text(path.join(file))?.trim().parse::<u64>().ok())
    };
    let usage = value(Some(memory.to_owned()), "memory.usage_in_bytes").unwrap_or(0);
    let stat = host.text(memory.join("memory.stat")).unwrap_or_default();
    let oom = host
        .text(memory.join("memory.oom_control"))
        .unwrap_or_default();
    let cpu = of("cpu")
        .and_then(|path| host.text(path.join("cpu.stat")))
        .unwrap_or_default();
    let limit = value(Some(memory.to_owned()), "memory.limit_in_bytes");
    CgroupStats {
        usage: Usage {
            cpu_nanos: value(of("cpuacct"), "cpuacct.usage").unwrap_or(0),
            throttled_nanos: field(&cpu, "throttled_time"),
            periods: field(&cpu, "nr_periods"),
            throttled_periods: field(&cpu, "nr_throttled"),
        },
        memory_working_set_bytes: usage.saturating_sub(field(&stat, "total_inactive_file")),
        // No limit is written as the largest number of pages.
        memory_limit_bytes: limit.filter(|limit| *limit < 1 << 62),
        oom_kills: field(&oom, "oom_kill"),
        pids: value(of("pids"), "pids.current").unwrap_or(0),
    }
}

fn version_2(host: &Host, path: &Path) -> CgroupStats {
    let text = |file: &str| host.text(path.join(file)).unwrap_or_default();
    let value = |file: &str| text(file).trim().parse::<u64>().ok();
    let cpu = text("cpu.stat");
    let inactive = field(&text("memory.stat"), "inactive_file");
    CgroupStats {
        usage: Usage {
            cpu_nanos: field(&cpu, "usage_usec").saturating_mul(1000),
            throttled_nanos: field(&cpu, "throttled_usec").saturating_mul(1000),
            periods: field(&cpu, "nr_periods"),
            throttled_periods: field(&cpu, "nr_throttled"),
        },
        memory_working_set_bytes: value("memory.current")
            .unwrap_or(0)
            .saturating_sub(inactive),
        // No limit is written as `max`.
        memory_limit_bytes: value("memory.max"),
        oom_kills: field(&text("memory.events"), "oom_kill"),
        pids: value("pids.current").unwrap_or(0),
    }
}

/// A line `NAME NUMBER`; 0 if it is not there.
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
            memory_working_set_bytes: 700,
            memory_limit_bytes: None,
            oom_kills: 1,
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
            memory_working_set_bytes: 600,
            memory_limit_bytes: Some(4096),
            oom_kills: 3,
            pids: 2,
        };
        assert_eq!(read(&host, 7, "a"), Some(expected));
    }

    /// Who asks from a cgroup namespace is told another way to each cgroup, and `/` for its own.
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
        assert_eq!(read(&host, 9, "bb").unwrap().memory_working_set_bytes, 70);
        assert_eq!(pids(7, "gone"), None);
    }
}
