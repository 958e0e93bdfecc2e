//! Figures about this process, from `/proc/self` (proc(5)).

use std::fs;
use std::time::Duration;

/// Kernel clock ticks a second in `/proc/self/stat`: `USER_HZ`, 100 on every Linux architecture that
/// we build for.
const USER_HZ: u64 = 100;

/// The figures in `/proc/self`. A figure that cannot be read is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// CPU time of all threads.
    pub(crate) cpu: Option<Duration>,
    /// Resident memory.
    pub(crate) resident_bytes: Option<u64>,
    /// Mapped memory.
    pub(crate) virtual_bytes: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Open files and sockets.
    pub(crate) open_files: Option<u64>,
    /// The limit of open files and sockets.
    pub(crate) most_files: Option<u64>,
}

impl Process {
    /// Reads the figures of this process.
    pub(crate) fn read() -> Self {
        let text =
            |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let mut process = parse(&text("stat"), &text("status"), &text("limits"));
        process.open_files = fs::read_dir("/proc/self/fd")
            .ok()
            .map(|entries| entries.count() as u64);
        process
    }
}

fn parse(stat: &str, status: &str, limits: &str) -> Process {
    // The second field is the name in parentheses, and may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let cpu = ticks(11).zip(ticks(12)).map(|(user, system)| {
        Duration::from_millis((user + system).saturating_mul(1000 / USER_HZ))
    });
    let value = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key))?;
        line[key.len()..]
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    let most_files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Process {
        cpu,
        resident_bytes: value("VmRSS:").map(|kib| kib * 1024),
        virtual_bytes: value("VmSize:").map(|kib| kib * 1024),
        threads: value("Threads:"),
        open_files: None,
        most_files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        let status = "Name:\tx\nVmSize:\t    2048 kB\nVmRSS:\t     512 kB\nThreads:\t3\n";
        let limits = "Limit  Soft Hard Units\nMax open files            1024   4096   files\n";
        let process = parse(stat, status, limits);
        assert_eq!(process.cpu, Some(Duration::from_secs(3)));
        assert_eq!(process.resident_bytes, Some(512 * 1024));
        assert_eq!(process.virtual_bytes, Some(2048 * 1024));
        assert_eq!((process.threads, process.most_files), (Some(3), Some(1024)));
        assert_eq!(parse("", "", ""), Process::default());
    }

    #[test]
    fn this_process_has_figures() {
        let process = Process::read();
        assert!(process.resident_bytes.unwrap() > 100_000);
        assert!(process.open_files.unwrap() >= 3);
    }
}
