//! The effect of a CPU limit on latency, measured in a dedicated cgroup (v1 or v2; needs root).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use loadgen::{Load, Pace};

use super::results::Quota;
use super::speed::plan;
use super::subject::Subject;
use crate::series::micros;
use crate::server::Server;

/// The CPU limit in CPUs, a common one for Deployments.
const CPUS: f64 = 0.25;
/// The kernel's and the kubelet's default period.
const PERIOD: Duration = Duration::from_millis(100);
/// A period that the kubelet can be configured with (`cpuCFSQuotaPeriod`).
const SHORT_PERIOD: Duration = Duration::from_millis(10);
const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(5);

/// A cgroup with a limit, removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    fn create(cpus: f64, period: Duration) -> anyhow::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let unified = root.join("cgroup.controllers").exists();
        let parent = if unified {
            root.to_owned()
        } else {
            root.join("cpu")
        };
        let group = Self(parent.join(format!("bench-{}", std::process::id())));
        fs::create_dir(&group.0).context("cannot create a cgroup (this needs root)")?;
        let period = period.as_micros();
        #[expect(clippy::cast_precision_loss, reason = "a period is a second at most")]
        let quota = (period as f64 * cpus).round();
        if unified {
            fs::write(parent.join("cgroup.subtree_control"), "+cpu")?;
            group.write("cpu.max", &format!("{quota} {period}"))?;
        } else {
            group.write("cpu.cfs_period_us", &period.to_string())?;
            group.write("cpu.cfs_quota_us", &quota.to_string())?;
        }
        Ok(group)
    }

    fn write(&self, file: &str, value: &str) -> anyhow::Result<()> {
        let path = self.0.join(file);
        fs::write(&path, value)
            .with_context(|| format!("cannot write {value} to {}", path.display()))
    }

    /// Periods in which the group ran, and in which it was throttled.
    fn periods(&self) -> (f64, f64) {
        let stat = fs::read_to_string(self.0.join("cpu.stat")).unwrap_or_default();
        let value = |name: &str| {
            let line = stat.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok())
                .unwrap_or(0.0)
        };
        (value("nr_periods "), value("nr_throttled "))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The server in it was dropped before. An empty cgroup that remains is harmless.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Each subject under the limit in a closed loop; then the first one at constant rates, with a
/// shorter period, and with no limit.
pub(crate) fn measure(subjects: &[&Subject]) -> anyhow::Result<Vec<Quota>> {
    let limit = Some((CPUS, PERIOD));
    let mut found = Vec::new();
    for subject in subjects {
        found.push(one(subject, limit, Pace::Closed)?);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below a million"
    )]
    let part = |share: f64| Pace::Rate((found[0].requests_per_second * share) as u32);
    let (half, most) = (part(0.5), part(0.8));
    for pace in [half, most] {
        for limit in [limit, Some((CPUS, SHORT_PERIOD)), None] {
            found.push(one(subjects[0], limit, pace)?);
        }
    }
    Ok(found)
}

fn one(subject: &Subject, limit: Option<(f64, Duration)>, pace: Pace) -> anyhow::Result<Quota> {
    let cgroup = limit
        .map(|(cpus, period)| Cgroup::create(cpus, period))
        .transpose()?;
    let server: Server = subject.start()?;
    if let Some(cgroup) = &cgroup {
        for pid in server.processes() {
            cgroup.write("cgroup.procs", &pid.to_string())?;
        }
    }
    Load::run(plan(&server, pace, CONNECTIONS, TIME / 5)).context("cannot generate load")?;
    let before = cgroup.as_ref().map_or((0.0, 0.0), Cgroup::periods);
    let report =
        Load::run(plan(&server, pace, CONNECTIONS, TIME)).context("cannot generate load")?;
    let after = cgroup.as_ref().map_or((0.0, 0.0), Cgroup::periods);
    drop(server);
    Ok(Quota {
        name: subject.name.to_owned(),
        cpus: limit.map(|(cpus, _)| cpus),
        period_millis: limit.map_or(0, |(_, period)| period.as_millis().try_into().unwrap_or(0)),
        rate: if let Pace::Rate(rate) = pace {
            Some(rate)
        } else {
            None
        },
        requests_per_second: report.rate(),
        p50_micros: micros(report.latency.quantile(0.5)),
        p99_micros: micros(report.latency.quantile(0.99)),
        max_micros: micros(report.latency.max()),
        throttled_percent: 100.0 * (after.1 - before.1) / (after.0 - before.0).max(1.0),
    })
}
