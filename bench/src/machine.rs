//! The machine of a run.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The machine and the time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    pub(crate) revision: String,
    pub(crate) unix_seconds: u64,
    /// The one-minute load average before the first and after the last round; the run itself adds
    /// up to 2.
    pub(crate) load_before: f64,
    pub(crate) load_after: f64,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a machine with {} ({} cores, Linux {}), revision `{}`",
            self.cpu, self.cpus, self.kernel, self.revision
        )
    }
}

impl Machine {
    /// Writes a warning if other work ran beside the measurement.
    pub(crate) fn warn_if_busy(&self, out: &mut String) -> fmt::Result {
        if self.load_before <= 1.0 {
            return Ok(());
        }
        writeln!(
            out,
            "**The machine was busy with other work**: its load average was {:.1} before the run. All \
            programs were affected alike; measure again on a quiet machine before relying on absolute \
            figures.\n",
            self.load_before
        )
    }
}

/// The one-minute load average; 0 if the kernel does not report it.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0)
}

/// The machine, with `load_after` still to come.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement has a date; this is its edge"
)]
pub(crate) fn describe(root: &Path) -> Machine {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let cpu = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let now = std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Machine {
        cpu: cpu.to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: kernel
            .trim()
            .split('-')
            .next()
            .unwrap_or_default()
            .to_owned(),
        revision: revision(root),
        unix_seconds: now.as_secs(),
        load_before: load(),
        load_after: 0.0,
    }
}

/// The measured commit; empty outside a git checkout.
fn revision(root: &Path) -> String {
    let git = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let text = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
