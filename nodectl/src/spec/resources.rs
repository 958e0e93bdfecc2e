//! Limits and requests as cgroup settings, and the score for the kernel's OOM killer.

use oci_spec::runtime::{
    LinuxCpuBuilder, LinuxMemoryBuilder, LinuxResources, LinuxResourcesBuilder,
};

use crate::manifest::{Quantity, Resources};

/// The period of CPU quotas, in µs: the kernel's and the kubelet's default.
const CPU_PERIOD_US: u64 = 100_000;

/// The fewest and the most shares that the kernel accepts.
const MIN_SHARES: u64 = 2;
const MAX_SHARES: u64 = 262_144;

/// The lowest quota that the kernel accepts, in µs.
const MIN_QUOTA_US: i64 = 1000;

/// cgroup settings; the runtime translates them for cgroup v2. A limit of 0 is none, as for the kubelet.
pub(super) fn cgroup(resources: &Resources) -> LinuxResources {
    let limit = |name: &str| {
        let limit = resources.limits.get(name).copied();
        limit.filter(|limit| !limit.is_zero())
    };
    // A limit without a request is also the request.
    let request = |name: &str| {
        resources
            .requests
            .get(name)
            .copied()
            .or_else(|| limit(name))
    };
    // 1024 shares are one CPU; the minimum is the kubelet's value without a request.
    let shares = request("cpu").map_or(MIN_SHARES, |cpu| {
        let shares = cpu.milli().saturating_mul(1024) / 1000;
        shares.clamp(MIN_SHARES, MAX_SHARES)
    });
    let mut cpu = LinuxCpuBuilder::default().shares(shares);
    if let Some(limit) = limit("cpu") {
        let quota =
            i64::try_from(limit.milli().saturating_mul(CPU_PERIOD_US) / 1000).unwrap_or(i64::MAX);
        cpu = cpu.quota(quota.max(MIN_QUOTA_US)).period(CPU_PERIOD_US);
    }
    let mut all = LinuxResourcesBuilder::default().cpu(cpu.build().expect("all fields default"));
    if let Some(limit) = limit("memory") {
        let bytes = i64::try_from(limit.whole()).unwrap_or(i64::MAX);
        let memory = LinuxMemoryBuilder::default().limit(bytes).swap(bytes);
        all = all.memory(memory.build().expect("all fields default"));
    }
    all.build().expect("all fields default")
}

/// The score by Kubernetes' quality-of-service classes, but never below `floor`: lowering it below the
/// runtime's own needs `CAP_SYS_RESOURCE`.
///
/// <https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior>
pub(super) fn oom_score_adj(resources: &Resources, memory_total: u64, floor: i32) -> i32 {
    let of = |list: &std::collections::BTreeMap<String, Quantity>, name: &str| {
        list.get(name)
            .copied()
            .filter(|quantity| quantity.milli() > 0)
    };
    let request = of(&resources.requests, "memory").or(of(&resources.limits, "memory"));
    let any = resources
        .requests
        .values()
        .chain(resources.limits.values())
        .any(|q| q.milli() > 0);
    let score = match request {
        None if !any => 1000,
        None => 999,
        Some(bytes) => {
            let part = 1000_u64.saturating_mul(bytes.whole()) / memory_total.max(1);
            1000 - i32::try_from(part.min(998)).unwrap_or(998)
        }
    };
    score.clamp(2, 1000).max(floor).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(json: &str) -> Resources {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn limits_become_quota_and_bytes() {
        let all = cgroup(&resources(
            r#"{"limits": {"cpu": "250m", "memory": "128Mi"}, "requests": {"cpu": "100m"}}"#,
        ));
        let cpu = all.cpu().as_ref().unwrap();
        assert_eq!(
            (cpu.shares(), cpu.quota(), cpu.period()),
            (Some(102), Some(25_000), Some(100_000))
        );
        assert_eq!(all.memory().as_ref().unwrap().limit(), Some(128 << 20));
        let none = cgroup(&Resources::default());
        assert_eq!(none.cpu().as_ref().unwrap().quota(), None);
        assert!(none.memory().is_none());
    }

    #[test]
    fn a_limit_of_0_is_none() {
        let all = cgroup(&resources(r#"{"limits": {"cpu": 0, "memory": "0"}}"#));
        let cpu = all.cpu().as_ref().unwrap();
        assert_eq!((cpu.shares(), cpu.quota()), (Some(2), None));
        assert!(all.memory().is_none());
    }

    #[test]
    fn a_request_of_many_cpus_has_the_kernels_highest_weight() {
        let all = cgroup(&resources(r#"{"requests": {"cpu": 1000}}"#));
        assert_eq!(all.cpu().as_ref().unwrap().shares(), Some(262_144));
    }

    #[test]
    fn the_score_never_goes_below_the_floor() {
        let gib = 1 << 30;
        assert_eq!(oom_score_adj(&Resources::default(), gib, 0), 1000);
        let half = resources(r#"{"requests": {"memory": "512Mi"}}"#);
        assert_eq!(oom_score_adj(&half, gib, 0), 500);
        assert_eq!(oom_score_adj(&half, gib, 700), 700);
        let all = resources(r#"{"requests": {"memory": "2Gi"}}"#);
        assert_eq!(oom_score_adj(&all, gib, 0), 2);
    }
}
