//! Properties of this machine, read once.

use std::fs;
use std::path::Path;

/// Properties of this machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub node: String,
    /// Its memory, in bytes.
    pub memory_total: u64,
    /// The lowest `oom_score_adj` that a container can be given.
    pub oom_floor: i32,
    /// Whether cgroup v2 is its only hierarchy.
    pub cgroup2: bool,
}

impl Machine {
    /// Reads /proc and /sys; values that cannot be read get a harmless default. `runtime` is the process ID
    /// of containerd, whose shims inherit its `oom_score_adj`.
    pub fn read(runtime: Option<i32>) -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let score = |path: &str| text(path).trim().parse().unwrap_or(0);
        let own = score("/proc/self/oom_score_adj");
        // containerd gives a shim its own score plus one.
        let shim = runtime.map_or(0, |pid| score(&format!("/proc/{pid}/oom_score_adj")) + 1);
        let memory_kib: u64 = text("/proc/meminfo")
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(1 << 20);
        Self {
            node: text("/proc/sys/kernel/hostname").trim().to_owned(),
            memory_total: memory_kib * 1024,
            oom_floor: own.max(shim).max(0),
            cgroup2: Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
        }
    }
}
