//! The probes of a container, in the order in which the kubelet has them.

use std::time::Duration;

use tokio::time::Instant;

use super::Pod;
use crate::manifest::{ContainerSpec, Probe};
use crate::play::probe::{self, Target};

/// A probe failed, and the container is to be restarted.
pub(super) struct Unhealthy {
    pub(super) reason: String,
    /// The probe's own grace period, in seconds, if it has one.
    pub(super) grace_secs: Option<u32>,
}

impl Unhealthy {
    fn new(kind: &str, probe: &Probe, reason: &str) -> Self {
        Self {
            reason: format!("{kind} probe: {reason}"),
            grace_secs: probe.termination_grace_period_seconds,
        }
    }
}

impl Pod {
    /// Probes a container, and keeps its readiness up to date, until it is to be restarted.
    pub(super) async fn probe(
        &self,
        index: usize,
        spec: &ContainerSpec,
        id: &str,
        age: Duration,
    ) -> Unhealthy {
        let target = Target {
            ctx: &self.ctx,
            id,
            spec,
            address: self.record.address,
        };
        let began = Instant::now();
        if let Some(startup) = &spec.startup_probe {
            let mut unhealthy = None;
            probe::watch(startup, target, age, true, |success, reason| {
                unhealthy = (!success).then(|| Unhealthy::new("startup", startup, reason));
                false
            })
            .await;
            if let Some(unhealthy) = unhealthy {
                return unhealthy;
            }
        }
        let age = age + began.elapsed();
        tokio::select! {
            () = self.probe_readiness(index, target, age) => std::future::pending().await,
            unhealthy = probe_liveness(target, age) => unhealthy,
        }
    }

    async fn probe_readiness(&self, index: usize, target: Target<'_>, age: Duration) {
        let Some(readiness) = &target.spec.readiness_probe else {
            self.change_container(index, |status| status.ready = true);
            return std::future::pending().await;
        };
        probe::watch(readiness, target, age, true, |ready, reason| {
            self.change_container(index, |status| {
                status.ready = ready;
                status.reason = (!ready).then(|| format!("readiness probe: {reason}"));
            });
            true
        })
        .await;
    }
}

/// Returns when the liveness probe fails.
async fn probe_liveness(target: Target<'_>, age: Duration) -> Unhealthy {
    let Some(liveness) = &target.spec.liveness_probe else {
        return std::future::pending().await;
    };
    let mut unhealthy = None;
    probe::watch(liveness, target, age, false, |alive, reason| {
        unhealthy = (!alive).then(|| Unhealthy::new("liveness", liveness, reason));
        alive
    })
    .await;
    match unhealthy {
        Some(unhealthy) => unhealthy,
        None => std::future::pending().await,
    }
}
