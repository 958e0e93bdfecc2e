//! The budget of memory that is held for clients. When it is exceeded, the connections that hold the most
//! are closed, so that no client with a small request is refused because of them.
//!
//! What a connection holds is a conservative estimate, which includes the buffers of the parser and of
//! the kernel, and what allocators round up.

use std::path::Path;
use std::sync::Arc;

use crate::metrics::counters::Counters;

/// A connection at rest: its task, its socket, the kernel's structures for it, and both of the socket's
/// buffers. The client may fill the receive buffer at any moment, and whether it has read what is in the
/// send buffer is not known. The kernel makes buffers twice as large as requested (socket(7)), here
/// and below.
pub(super) const CONNECTION_BYTES: usize = (4 << 10) + 4 * SMALL_BUFFER_BYTES;

/// The parser, with a buffer for each direction (8 KiB each in actix-http).
pub(super) const PARSER_BYTES: usize = 20 << 10;

/// A connection that holds no more than this has a parser and a small request at most.
pub(super) const LITTLE_BYTES: usize = CONNECTION_BYTES + PARSER_BYTES + (8 << 10);

/// What the kernel adds to a send buffer that is full: it completes the segment that it has begun, which
/// can have half of the largest window that the client has offered.
pub(super) const BLOCKED_BYTES: usize = 32 << 10;

/// By how much the socket's buffers grow for a large body.
pub(super) const BULK_BYTES: usize = 4 * (LARGE_BUFFER_BYTES - SMALL_BUFFER_BYTES);

/// Bytes that were read and belong to requests behind the one that is being answered.
pub(super) const HELD_BYTES: usize = 8 << 10;

/// A chunk of a body in the parser's queue (`Bytes` in a `VecDeque`, which doubles).
pub(super) const CHUNK_BYTES: usize = 64;

/// The size of each buffer of a socket: enough for a request and a response without a large body. It bounds
/// what clients can send before the service reads it, even while the process is stopped. The kernel would
/// let a buffer grow to several MiB and charge the cgroup for it.
pub(crate) const SMALL_BUFFER_BYTES: usize = 8 << 10;

/// The size of each once a large body moves, so that its rate is not bound to the round-trip time.
pub(super) const LARGE_BUFFER_BYTES: usize = 64 << 10;

/// The largest write buffer that the parser keeps (`WRITE_BUFFER_RETENTION_LIMIT` in actix-http).
pub(super) const MOST_RETAINED: usize = 128 << 10;

/// The memory budget of the process.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    /// The counters of the workers, among them what each holds.
    workers: Vec<Arc<Counters>>,
}

impl Budget {
    pub(crate) fn new(bytes: u64, workers: Vec<Arc<Counters>>) -> Self {
        Self { bytes, workers }
    }

    /// By how many bytes the budget is exceeded.
    pub(super) fn excess(&self) -> u64 {
        let held: u64 = self.workers.iter().map(|worker| worker.held.get()).sum();
        held.saturating_sub(self.bytes)
    }

    /// What is freed beyond the excess, so that the next byte does not exceed the budget again.
    pub(super) fn margin(&self) -> u64 {
        self.bytes / 16
    }

    /// What each worker may hold when all hold the same, with the margin free.
    pub(super) fn share(&self) -> u64 {
        (self.bytes - self.margin()) / self.workers.len().max(1) as u64
    }

    /// The worker that holds the most.
    pub(super) fn largest(&self) -> Option<&Arc<Counters>> {
        self.workers.iter().max_by_key(|worker| worker.held.get())
    }
}

/// The default budget: half of the cgroup's limit. The other half is for what the estimate does not
/// include, such as the process itself.
pub(crate) fn default_bytes() -> u64 {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    cgroup_limit(Path::new("/sys/fs/cgroup"), &own).map_or(u64::MAX, |limit| limit / 2)
}

/// The memory of one request with a body of this size.
pub(crate) fn largest_request(body_bytes: usize) -> u64 {
    (CONNECTION_BYTES + PARSER_BYTES + 2 * body_bytes) as u64
}

/// The memory limit of a process's cgroup, in bytes; `None` if there is none. `root` is where cgroups are
/// mounted, and `own` is the process's `/proc/PID/cgroup`.
fn cgroup_limit(root: &Path, own: &str) -> Option<u64> {
    let read = |path: &str, file: &str| {
        let path = root.join(path.trim_start_matches('/')).join(file);
        limit(&std::fs::read_to_string(path).ok()?)
    };
    let by_line = own.lines().filter_map(|line| {
        // hierarchy ":" controllers ":" path (cgroups(7)); version 2 has no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        if controllers.is_empty() {
            read(path, "memory.max")
        } else if controllers.split(',').any(|each| each == "memory") {
            read(&format!("memory{path}"), "memory.limit_in_bytes")
        } else {
            None
        }
    });
    // In a container the path may be the host's while the mount shows the container's cgroup as its root.
    let mounted = [("", "memory.max"), ("memory", "memory.limit_in_bytes")];
    let mounted = mounted
        .into_iter()
        .filter_map(|(path, file)| read(path, file));
    by_line.chain(mounted).min()
}

/// A limit in the kernel's format. Version 1 writes a number close to 2^63 if there is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < 1 << 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none() {
        assert_eq!(limit("134217728\n"), Some(128 << 20));
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712\n"), None);
    }

    /// As the files are in pods, on machines with systemd, and on the older hierarchies.
    #[test]
    fn the_limit_is_found_in_both_versions_of_cgroups() {
        /// A process's file, the files of its cgroups, and the limit.
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<u64>);
        const POD: &str = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-2.scope";
        let limits: &[Case<'_>] = &[
            // Version 2 in a cgroup namespace of its own, as containerd gives it.
            (
                "0::/\n",
                &[("memory.max", "134217728\n")],
                Some(134_217_728),
            ),
            ("0::/\n", &[("memory.max", "max\n")], None),
            // And in the host's.
            (
                &format!("0::{POD}\n"),
                &[(&format!("{POD}/memory.max"), "4096\n")],
                Some(4096),
            ),
            // A path that the mount does not have.
            (
                &format!("0::/..{POD}\n"),
                &[("memory.max", "8192\n")],
                Some(8192),
            ),
            (
                "12:cpu,cpuacct:/a\n9:memory:/a\n1:name=systemd:/b\n0::/b\n",
                &[
                    ("memory/a/memory.limit_in_bytes", "4096\n"),
                    ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ],
                Some(4096),
            ),
            // No memory controller, and no cgroups.
            ("0::/a\n", &[("a/cgroup.procs", "1\n")], None),
            ("", &[], None),
        ];
        for (own, files, expected) in limits {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in *files {
                let path = root.path().join(path.trim_start_matches('/'));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            assert_eq!(cgroup_limit(root.path(), own), *expected, "{own}");
        }
    }

    #[test]
    fn the_budget_is_that_of_all_workers() {
        let workers: Vec<Arc<Counters>> = (0..2).map(|_| Arc::default()).collect();
        let budget = Budget::new(100, workers.clone());
        workers[0].held.set(60);
        assert_eq!(budget.excess(), 0);
        workers[1].held.set(70);
        assert_eq!(budget.excess(), 30);
        assert_eq!(budget.largest().unwrap().held.get(), 70);
    }
}
