//! Cgroups of pods: the parents of the containers' cgroups, which runc creates but does not remove, and OOM
//! kills.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The root of every hierarchy: one for cgroup v2, one for each controller of v1.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut all = vec![root.to_owned()];
    if let Ok(entries) = fs::read_dir(root) {
        all.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
    }
    all
}

/// Whether the kernel has OOM-killed a process of the cgroup `path`
/// (`memory.oom_control` of cgroup v1, `memory.events` of v2).
pub fn oom_killed(path: &str) -> bool {
    let relative = path.trim_start_matches('/');
    let root = Path::new("/sys/fs/cgroup");
    let files = [
        root.join("memory")
            .join(relative)
            .join("memory.oom_control"),
        root.join(relative).join("memory.events"),
    ];
    let kills = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.trim().parse().ok())
    };
    files
        .iter()
        .filter_map(|file| kills(fs::read_to_string(file).ok()?))
        .any(|count: u64| count > 0)
}

/// Removes the cgroup `path` and those below it in every hierarchy. Its parents are kept, even if they are empty: runc
/// may just be creating another cgroup there. Cgroups that still have a process are kept, too; missing ones are not an
/// error.
pub(super) fn remove(path: &str) {
    let relative = path.trim_start_matches('/');
    for root in hierarchies() {
        remove_below(&root.join(relative));
    }
}

fn remove_below(path: &Path) {
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            remove_below(&entry.path());
        }
    }
    for _ in 0..20 {
        match fs::remove_dir(path) {
            // The last process has exited but is not reaped yet.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            _ => break,
        }
    }
}
