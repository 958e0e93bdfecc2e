//! The probes of a container, in the kubelet's order.

use std::time::Duration;

use tokio::time::Instant;

use super::pod::Pod;
use crate::manifest::{ContainerSpec, Probe};
use crate::play::event::Event;
use crate::play::probe::{self, Probed, Target};

/// A failed probe, after which the container has to be restarted.
pub(super) struct Unhealthy {
    pub(super) reason: String,
    /// The probe's own grace period, in seconds, if it has one.
    pub(super) grace_secs: Option<u32>,
}

impl Unhealthy {
    fn of(kind: &str, probe: &Probe, probed: &Probed) -> Option<Self> {
        let failure = probed.failure.as_ref()?;
        (probed.changed == Some(false)).then(|| Self {
            reason: reason_of(kind, failure),
            grace_secs: probe.termination_grace_period_seconds,
        })
    }
}

fn reason_of(kind: &str, failure: &str) -> String {
    format!("{kind} probe: {failure}")
}

impl Pod {
    /// Probes a container, and updates its readiness, until it has to be restarted.
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
            probe::watch(startup, target, age, true, |probed| {
                unhealthy = Unhealthy::of("startup", startup, &probed);
                self.not_ready(index, "startup", probed.failure);
                probed.changed.is_none()
            })
            .await;
            if let Some(unhealthy) = unhealthy {
                return unhealthy;
            }
            self.change_container(index, |status| status.reason = None);
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
        probe::watch(readiness, target, age, true, |probed| {
            match (probed.changed, &probed.failure) {
                (Some(true), _) => self.change_container(index, |status| {
                    status.ready = true;
                    status.reason = None;
                }),
                (Some(false), Some(failure)) => {
                    self.change_container(index, |status| status.ready = false);
                    self.emit(Event::NotReady {
                        pod: self.record.name.clone(),
                        container: target.spec.name.to_string(),
                        reason: reason_of("readiness", failure),
                    });
                }
                _ => {}
            }
            self.not_ready(index, "readiness", probed.failure);
            true
        })
        .await;
    }

    /// Keeps the last failure of a probe as the reason why a container is not ready.
    fn not_ready(&self, index: usize, kind: &str, failure: Option<String>) {
        let Some(failure) = failure else {
            return;
        };
        self.change_container(index, |status| {
            if !status.ready {
                status.reason = Some(reason_of(kind, &failure));
            }
        });
    }
}

/// Returns when the liveness probe fails.
async fn probe_liveness(target: Target<'_>, age: Duration) -> Unhealthy {
    let Some(liveness) = &target.spec.liveness_probe else {
        return std::future::pending().await;
    };
    let mut unhealthy = None;
    probe::watch(liveness, target, age, false, |probed| {
        unhealthy = Unhealthy::of("liveness", liveness, &probed);
        unhealthy.is_none()
    })
    .await;
    match unhealthy {
        Some(unhealthy) => unhealthy,
        None => std::future::pending().await,
    }
}
