//! The resource usage of pods: two samples, and the rates between them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::cgroup::{CgroupStats, Cgroups, Memory, Usage};
use super::{Host, NodePod};

/// Bytes through a pod's network links, except loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Network {
    /// Received.
    pub rx_bytes: u64,
    /// Sent.
    pub tx_bytes: u64,
}

/// The resource usage of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ContainerStats {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The container's ID.
    pub id: String,
    /// Thousandths of a CPU; `None` in a first sample.
    pub cpu_millicores: Option<u64>,
    /// The share of the CPU limit's periods in which it was throttled, in thousandths; `None` without a
    /// limit, and in a first sample.
    pub throttled_permille: Option<u64>,
    /// The cgroup's figures.
    #[serde(flatten)]
    pub cgroup: CgroupStats,
    /// The pod's network, shared by its containers; `None` in the host's.
    pub network: Option<Network>,
}

/// The current usage of every running container.
pub(crate) fn sample(host: &Host, pods: &[NodePod]) -> Vec<ContainerStats> {
    let running = pods
        .iter()
        .flat_map(|pod| pod.current().map(move |container| (pod, container)));
    running
        .filter_map(|(pod, container)| {
            let pid = container.pid?;
            Some(ContainerStats {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: container.name.clone(),
                id: container.id.clone(),
                cpu_millicores: None,
                throttled_permille: None,
                cgroup: Cgroups::of(host, pid, &container.id)?.stats()?,
                network: (!pod.netns.is_empty())
                    .then(|| network(host, pid))
                    .flatten(),
            })
        })
        .collect()
}

/// The memory of a running container.
#[derive(Clone, Debug)]
pub(crate) struct MemoryUse {
    /// The container.
    pub container: String,
    /// The container's ID.
    pub id: String,
    /// Its memory.
    pub memory: Memory,
}

impl From<&ContainerStats> for MemoryUse {
    fn from(stats: &ContainerStats) -> Self {
        Self {
            container: stats.container.clone(),
            id: stats.id.clone(),
            memory: stats.cgroup.memory,
        }
    }
}

/// The memory of every running container; `known` has that of some.
pub(super) fn memory(
    host: &Host,
    pods: &[NodePod],
    known: &BTreeMap<String, Memory>,
) -> Vec<MemoryUse> {
    let running = pods.iter().flat_map(NodePod::current);
    running
        .filter_map(|container| {
            let pid = container.pid?;
            let known = known.get(&container.id).copied();
            let memory = known.or_else(|| Cgroups::of(host, pid, &container.id)?.memory())?;
            Some(MemoryUse {
                container: container.name.clone(),
                id: container.id.clone(),
                memory,
            })
        })
        .collect()
}

/// The second sample, with the rates since the first, which was taken `apart` earlier. New containers have
/// no rates.
pub(crate) fn rates(
    first: &[ContainerStats],
    second: Vec<ContainerStats>,
    apart: Duration,
) -> Vec<ContainerStats> {
    let nanos = u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX).max(1);
    let per_mille = |before: u64, after: u64| {
        let spent = u128::from(after.saturating_sub(before)) * 1000;
        u64::try_from(spent / u128::from(nanos)).unwrap_or(u64::MAX)
    };
    second
        .into_iter()
        .map(|mut now| {
            if let Some(before) = first.iter().find(|before| before.id == now.id) {
                let (before, after) = (before.cgroup.usage, now.cgroup.usage);
                now.cpu_millicores = Some(per_mille(before.cpu_nanos, after.cpu_nanos));
                now.throttled_permille = throttled(before, after);
            }
            now
        })
        .collect()
}

/// The share of periods between two samples in which a CPU limit took effect. A limit has no periods while
/// nothing runs.
fn throttled(before: Usage, after: Usage) -> Option<u64> {
    let periods = after.periods.saturating_sub(before.periods);
    let held_back = after
        .throttled_periods
        .saturating_sub(before.throttled_periods);
    (after.periods > 0).then(|| held_back.min(periods) * 1000 / periods.max(1))
}

/// The links of a process's network namespace (`proc_pid_net(5)`).
fn network(host: &Host, pid: u32) -> Option<Network> {
    let text = host.text(format!("/proc/{pid}/net/dev"))?;
    let mut total = Network::default();
    for line in text.lines().skip(2) {
        let Some((name, figures)) = line.split_once(':') else {
            continue;
        };
        if name.trim() == "lo" {
            continue;
        }
        let figures: Vec<u64> = figures
            .split_ascii_whitespace()
            .map_while(|figure| figure.parse().ok())
            .collect();
        total.rx_bytes += figures.first().copied().unwrap_or(0);
        total.tx_bytes += figures.get(8).copied().unwrap_or(0);
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_between_two_samples() {
        let at = |id: &str, cpu_nanos, periods, throttled_periods| ContainerStats {
            namespace: String::new(),
            pod: String::new(),
            container: String::new(),
            id: id.to_owned(),
            cpu_millicores: None,
            throttled_permille: None,
            cgroup: CgroupStats {
                usage: Usage {
                    cpu_nanos,
                    // Three threads wait at once.
                    throttled_nanos: throttled_periods * 3_000,
                    periods,
                    throttled_periods,
                },
                ..CgroupStats::default()
            },
            network: None,
        };
        let first = [
            at("a", 100, 10, 1),
            at("idle", 0, 7, 7),
            at("free", 0, 0, 0),
        ];
        let second = vec![
            at("a", 600, 20, 11),
            at("idle", 0, 7, 7),
            at("free", 100, 0, 0),
            at("new", 5, 5, 5),
        ];
        let rated = rates(&first, second, Duration::from_micros(1));
        let figures: Vec<_> = rated
            .iter()
            .map(|one| (one.cpu_millicores, one.throttled_permille))
            .collect();
        let expected = [
            (Some(500), Some(1000)),
            (Some(0), Some(0)),
            (Some(100), None),
            (None, None),
        ];
        assert_eq!(figures, expected);
    }
}
