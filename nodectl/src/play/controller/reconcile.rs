//! One round of reconciliation: compares the observed with the desired state, and creates and stops pods.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::Entry;
use super::state::Controller;
use crate::manifest::DesiredDeployment;
use crate::play::event::Event;
use crate::play::plan::{Action, DesiredState, PodView, plan};
use crate::play::record::{PodRecord, pod_name};
use crate::play::worker::Order;

impl Controller {
    /// Creates and stops pods according to [`plan`], and updates endpoints and table.
    pub(super) fn reconcile(&mut self) {
        let desired: Vec<_> = self.desired.deployments.iter().map(desired_state).collect();
        for action in plan(&desired, &self.views()) {
            match action {
                Action::Create { deployment } => self.create(&deployment),
                Action::Delete { name } => {
                    let grace = self.grace(&name);
                    self.stop_pod(&name, grace);
                }
            }
        }
        self.publish();
        self.check_rollout(&desired);
    }

    /// When the next pod becomes available, after its minimum time of readiness.
    pub(super) fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let availability = self.pods.values().filter_map(|entry| {
            Some(entry.ready_since? + self.min_ready(&entry.record.deployment_key()))
        });
        availability
            .filter(|at| *at > now)
            .min()
            .unwrap_or_else(|| now + Duration::from_hours(1))
    }

    /// Stops a pod within `limit`: removes it from the endpoints, then sends its stop signal.
    pub(super) fn stop_pod(&mut self, name: &str, limit: Duration) {
        let grace = self.grace(name).min(limit);
        let Some(entry) = self.pods.get_mut(name) else {
            return;
        };
        if !entry.stopping {
            self.ctx.emit(Event::Stopping {
                pod: name.to_owned(),
            });
        }
        entry.stopping = true;
        entry.ready_since = None;
        self.publish();
        if let Some(entry) = self.pods.get(name) {
            entry.order.send_replace(Order::Stop(grace));
        }
    }

    fn deployment(&self, key: &str) -> Option<&DesiredDeployment> {
        let mut deployments = self.desired.deployments.iter();
        deployments.find(|one| one.key() == key)
    }

    fn min_ready(&self, key: &str) -> Duration {
        self.deployment(key)
            .map_or(Duration::ZERO, |one| one.min_ready)
    }

    fn grace(&self, name: &str) -> Duration {
        self.pods.get(name).map_or(Duration::ZERO, |entry| {
            let secs = entry.record.template.spec.termination_grace_period_seconds;
            Duration::from_secs(secs.into())
        })
    }

    fn views(&self) -> Vec<PodView> {
        let now = Instant::now();
        let view = |entry: &Entry| {
            let deployment = entry.record.deployment_key();
            let min_ready = self.min_ready(&deployment);
            let since = entry.ready_since;
            PodView {
                name: entry.record.name.clone(),
                hash: entry.record.hash.clone(),
                created_ms: entry.record.created_ms,
                ready: entry.ready(),
                available: entry.ready() && since.is_some_and(|since| since + min_ready <= now),
                terminating: entry.terminating(),
                deployment,
            }
        };
        self.pods.values().map(view).collect()
    }

    /// Reports when every Deployment has all its pods ready and no old ones left.
    fn check_rollout(&mut self, desired: &[DesiredState]) {
        let views = self.views();
        let complete = desired.iter().all(|desired| {
            let pods = views
                .iter()
                .filter(|pod| pod.deployment == desired.deployment);
            let (new, old): (Vec<_>, Vec<_>) = pods.partition(|pod| pod.hash == desired.hash);
            let ready = new.iter().filter(|pod| pod.ready).count();
            old.is_empty() && ready == desired.replicas as usize
        });
        if complete && !self.rollout_complete {
            self.ctx.emit(Event::RolloutComplete {
                pods: views.iter().filter(|pod| pod.ready).count(),
            });
        }
        self.rollout_complete = complete;
    }

    fn create(&mut self, key: &str) {
        let Some(deployment) = self.deployment(key) else {
            return;
        };
        let records = self.pods.values().map(|entry| &entry.record);
        let records: Vec<_> = records.chain(&self.stuck).collect();
        let used: BTreeSet<_> = records.iter().map(|record| record.address).collect();
        let address = match self.ctx.bridge.allocate(&used, self.last_address) {
            Ok(address) => address,
            Err(error) => {
                // Once, until a pod has freed an address.
                if !std::mem::replace(&mut self.out_of_addresses, true) {
                    self.ctx.emit(Event::NotCreated {
                        deployment: key.to_owned(),
                        reason: error.to_string(),
                    });
                }
                return;
            }
        };
        let names = records.iter().map(|record| record.name.as_str());
        let random = draw(self.ctx.random, &names.collect::<Vec<_>>());
        let record = PodRecord {
            name: pod_name(&deployment.name, &deployment.hash, suffix(&random)),
            uid: uid(&random),
            namespace: deployment.namespace.clone(),
            deployment: deployment.name.clone(),
            hash: deployment.hash.clone(),
            address,
            created_ms: (self.ctx.clock)(),
            template: deployment.template.clone(),
        };
        self.last_address = Some(address);
        self.out_of_addresses = false;
        self.ctx.emit(Event::Creating {
            pod: record.name.clone(),
        });
        self.spawn(record, Vec::new());
    }
}

fn desired_state(deployment: &DesiredDeployment) -> DesiredState {
    DesiredState {
        deployment: deployment.key(),
        hash: deployment.hash.clone(),
        replicas: deployment.replicas,
        max_surge: deployment.max_surge,
        max_unavailable: deployment.max_unavailable,
        recreate: deployment.recreate,
    }
}

/// The last part of a pod's name, and of the name of its link.
fn suffix(hex: &str) -> &str {
    &hex[..5]
}

/// Random hex digits of which no pod has the suffix.
fn draw(random: impl Fn() -> String, pods: &[&str]) -> String {
    loop {
        let hex = random();
        let is_taken = |pod: &&str| pod.rsplit('-').next() == Some(suffix(&hex));
        if !pods.iter().any(is_taken) {
            return hex;
        }
    }
}

/// A version 4 UUID (RFC 9562) of 32 hex digits.
fn uid(hex: &str) -> String {
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_suffix_that_a_pod_has_is_drawn_again() {
        let drawn = Cell::new(0);
        let random = || {
            drawn.set(drawn.get() + 1);
            format!("{:05x}{}", drawn.get(), "0".repeat(27))
        };
        let pods = ["web-0123456789-00001", "api-0123456789-00002"];
        assert_eq!(suffix(&draw(random, &pods)), "00003");
    }
}
