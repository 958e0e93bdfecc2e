//! The loop: what the workers report is compared with what is desired, and acted upon.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::context::Context;
use super::event::Event;
use super::observe::{Observed, ObservedContainer};
use super::plan::{Action, PodView, Want, plan};
use super::record::{PodRecord, pod_name};
use super::status::PodStatus;
use super::sweep::SweepError;
use super::worker::{self, Order, Report};
use super::{container, sweep};
use crate::balancer::Pool;
use crate::manifest::{Desired, DesiredDeployment, DesiredService, ServicePort};

/// Whether the pods are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// They are.
    No,
    /// They are to end, each within this long at most.
    Within(Duration),
    /// They are to end at once.
    Now,
}

/// A pod as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRow {
    /// What was written down when it was made.
    pub record: PodRecord,
    /// How it is.
    pub status: PodStatus,
}

struct Entry {
    record: PodRecord,
    status: Option<PodStatus>,
    ready_since: Option<Instant>,
    stopping: bool,
    order: watch::Sender<Order>,
}

impl Entry {
    fn terminating(&self) -> bool {
        self.stopping
            || self
                .status
                .as_ref()
                .is_some_and(|status| status.terminating)
    }

    fn ready(&self) -> bool {
        !self.terminating() && self.status.as_ref().is_some_and(PodStatus::ready)
    }
}

/// Plays what is desired.
pub struct Controller {
    ctx: Arc<Context>,
    desired: Desired,
    pods: BTreeMap<String, Entry>,
    pools: Vec<(DesiredService, ServicePort, Arc<Pool>)>,
    workers: JoinSet<()>,
    reports: (
        mpsc::UnboundedSender<Report>,
        mpsc::UnboundedReceiver<Report>,
    ),
    rows: watch::Sender<Vec<PodRow>>,
    last_address: Option<Ipv4Addr>,
    /// Addresses of pods that were left alone.
    reserved: BTreeSet<Ipv4Addr>,
    settled: bool,
}

impl Controller {
    /// A controller that has not begun.
    pub fn new(ctx: Arc<Context>, desired: Desired) -> Self {
        let pools = desired
            .services
            .iter()
            .flat_map(|service| {
                let pool = |port: &ServicePort| (service.clone(), port.clone(), Arc::default());
                service.ports.iter().map(pool)
            })
            .collect();
        Self {
            ctx,
            desired,
            pods: BTreeMap::new(),
            pools,
            workers: JoinSet::new(),
            reports: mpsc::unbounded_channel(),
            rows: watch::channel(Vec::new()).0,
            last_address: None,
            reserved: BTreeSet::new(),
            settled: false,
        }
    }

    /// The pods behind a Service's port, kept up to date while the controller runs.
    pub fn pool(&self, namespace: &str, service: &str, port: u16) -> Option<Arc<Pool>> {
        self.pools
            .iter()
            .find(|(of, at, _)| of.namespace == namespace && of.name == service && at.port == port)
            .map(|(_, _, pool)| Arc::clone(pool))
    }

    /// The pods, for a table; changes as they do.
    pub fn rows(&self) -> watch::Receiver<Vec<PodRow>> {
        self.rows.subscribe()
    }

    /// Takes over the pods that a former nodectl left running, and removes what belongs to none.
    ///
    /// A pod whose shim does not answer is reported and left alone: it may be serving, and may be
    /// replaced without being touched. `down` removes it.
    ///
    /// # Errors
    /// As containerd's and the network's.
    pub async fn adopt(&mut self) -> Result<(), SweepError> {
        let client = &self.ctx.client;
        let (pods, mut strays) = super::observe(client, &self.ctx.instance.id).await?;
        let mut keep = Vec::new();
        for pod in pods {
            if self.ctx.bridge.subnet.contains(pod.record.address) {
                keep.push(pod);
            } else {
                strays.extend(pod.containers.into_iter().map(|one| one.id));
            }
        }
        for id in &strays {
            container::remove(client, id).await?;
        }
        let names: BTreeSet<_> = keep.iter().map(|pod| pod.record.name.clone()).collect();
        sweep::orphans(client, &self.ctx.instance, &names).await?;
        for pod in keep {
            if pod.stuck() {
                self.reserved.insert(pod.record.address);
                let pod = pod.record.name;
                self.ctx.tell(Event::Stuck { pod });
                continue;
            }
            let running = pod.running();
            let Observed { record, containers } = pod;
            self.ctx.tell(Event::Adopted {
                pod: record.name.clone(),
                running,
                containers: record.template.spec.containers.len(),
            });
            self.spawn(record, containers);
        }
        Ok(())
    }

    /// Plays until `stop` says otherwise, then ends all pods and returns when none is left.
    pub async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        self.act();
        loop {
            let wake = self.next_wake();
            tokio::select! {
                Some(report) = self.reports.1.recv() => self.take(report),
                Some(_) = self.workers.join_next() => {}
                () = sleep_until(wake) => {}
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
            }
            while let Ok(report) = self.reports.1.try_recv() {
                self.take(report);
            }
            self.act();
        }
        self.end(stop).await;
    }

    async fn end(&mut self, mut stop: watch::Receiver<Stop>) {
        let mut ordered = None;
        loop {
            let now = *stop.borrow_and_update();
            if ordered != Some(now) {
                ordered = Some(now);
                let limit = match now {
                    Stop::Within(limit) => limit,
                    Stop::Now | Stop::No => Duration::ZERO,
                };
                for name in self.pods.keys().cloned().collect::<Vec<_>>() {
                    self.stop_pod(&name, limit);
                }
            }
            if self.workers.is_empty() {
                return;
            }
            tokio::select! {
                Some(report) = self.reports.1.recv() => {
                    self.take(report);
                    self.show();
                }
                _ = self.workers.join_next() => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    fn take(&mut self, (name, status): Report) {
        if status.gone {
            self.pods.remove(&name);
            return;
        }
        if let Some(entry) = self.pods.get_mut(&name) {
            entry.status = Some(status);
            entry.ready_since = entry
                .ready()
                .then(|| entry.ready_since.unwrap_or_else(Instant::now));
        }
    }

    fn min_ready(&self, key: &str) -> Duration {
        let of = |one: &&DesiredDeployment| format!("{}/{}", one.namespace, one.name) == key;
        self.desired
            .deployments
            .iter()
            .find(of)
            .map_or(Duration::ZERO, |one| one.min_ready)
    }

    /// When a pod next becomes available by mere time.
    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let availability = self.pods.values().filter_map(|entry| {
            Some(entry.ready_since? + self.min_ready(&entry.record.deployment_key()))
        });
        availability
            .filter(|at| *at > now)
            .min()
            .unwrap_or_else(|| now + Duration::from_hours(1))
    }

    fn views(&self) -> Vec<PodView> {
        let now = Instant::now();
        let view = |entry: &Entry| {
            let deployment = entry.record.deployment_key();
            let min_ready = self.min_ready(&deployment);
            PodView {
                name: entry.record.name.clone(),
                hash: entry.record.hash.clone(),
                created_ms: entry.record.created_ms,
                ready: entry.ready(),
                available: entry.ready()
                    && entry
                        .ready_since
                        .is_some_and(|since| since + min_ready <= now),
                terminating: entry.terminating(),
                deployment,
            }
        };
        self.pods.values().map(view).collect()
    }

    /// One round: endpoints first, so that no connection goes to a pod that is being ended.
    fn act(&mut self) {
        let wants: Vec<_> = self.desired.deployments.iter().map(want).collect();
        let views = self.views();
        for action in plan(&wants, &views) {
            match action {
                Action::Create { deployment } => self.create(&deployment),
                Action::Delete { name } => {
                    let grace = self.grace(&name);
                    self.stop_pod(&name, grace);
                }
            }
        }
        self.show();
        self.settle(&wants);
    }

    fn settle(&mut self, wants: &[Want]) {
        let views = self.views();
        let settled = wants.iter().all(|want| {
            let mine = views.iter().filter(|pod| pod.deployment == want.deployment);
            let (new, old): (Vec<_>, Vec<_>) = mine.partition(|pod| pod.hash == want.hash);
            let ready = new.iter().filter(|pod| pod.ready).count();
            old.is_empty() && ready == want.replicas as usize
        });
        if settled && !self.settled {
            self.ctx.tell(Event::Settled {
                pods: views.iter().filter(|pod| pod.ready).count(),
            });
        }
        self.settled = settled;
    }

    /// Brings the load balancer and the table up to date.
    fn show(&self) {
        for (service, port, pool) in &self.pools {
            let behind = self.pods.values().filter(|entry| {
                entry.ready()
                    && service.selects(&entry.record.namespace, &entry.record.pod_labels())
            });
            let targets: Vec<_> = behind
                .filter_map(|entry| {
                    let port = entry.record.template.port(&port.target)?;
                    let address = SocketAddr::from((entry.record.address, port));
                    Some((entry.record.name.clone(), address))
                })
                .collect();
            pool.set(&targets);
        }
        let rows = self.pods.values().filter_map(|entry| {
            let mut status = entry.status.clone()?;
            status.terminating |= entry.terminating();
            Some(PodRow {
                record: entry.record.clone(),
                status,
            })
        });
        self.rows.send_replace(rows.collect());
    }

    fn grace(&self, name: &str) -> Duration {
        self.pods.get(name).map_or(Duration::ZERO, |entry| {
            let secs = entry.record.template.spec.termination_grace_period_seconds;
            Duration::from_secs(secs.into())
        })
    }

    /// Ends a pod: no new connection first, then SIGTERM.
    fn stop_pod(&mut self, name: &str, limit: Duration) {
        let grace = self.grace(name).min(limit);
        let Some(entry) = self.pods.get_mut(name) else {
            return;
        };
        if !entry.stopping {
            self.ctx.tell(Event::Stopping {
                pod: name.to_owned(),
            });
        }
        entry.stopping = true;
        entry.ready_since = None;
        // The endpoints go before the signal does.
        self.show();
        if let Some(entry) = self.pods.get(name) {
            entry.order.send_replace(Order::Stop(grace));
        }
    }

    fn create(&mut self, key: &str) {
        let of = |one: &&DesiredDeployment| format!("{}/{}", one.namespace, one.name) == key;
        let Some(deployment) = self.desired.deployments.iter().find(of) else {
            return;
        };
        let used: BTreeSet<_> = self
            .pods
            .values()
            .map(|entry| entry.record.address)
            .chain(self.reserved.iter().copied())
            .collect();
        let address = match self.ctx.bridge.allocate(&used, self.last_address) {
            Ok(address) => address,
            Err(error) => {
                let pod = deployment.name.clone();
                return self.ctx.tell(Event::Failed {
                    pod,
                    reason: error.to_string(),
                });
            }
        };
        self.last_address = Some(address);
        let random = (self.ctx.random)();
        let record = PodRecord {
            name: pod_name(&deployment.name, &deployment.hash, &random[..5]),
            uid: uid(&random),
            namespace: deployment.namespace.clone(),
            deployment: deployment.name.clone(),
            hash: deployment.hash.clone(),
            address,
            created_ms: (self.ctx.clock)(),
            template: deployment.template.clone(),
        };
        self.ctx.tell(Event::Creating {
            pod: record.name.clone(),
        });
        self.spawn(record, Vec::new());
    }

    fn spawn(&mut self, record: PodRecord, found: Vec<ObservedContainer>) {
        let (order, orders) = watch::channel(Order::Run);
        let name = record.name.clone();
        let record_kept = record.clone();
        let entry = Entry {
            record: record_kept,
            status: None,
            ready_since: None,
            stopping: false,
            order,
        };
        self.pods.insert(name, entry);
        let ctx = Arc::clone(&self.ctx);
        self.workers.spawn(worker::run(
            ctx,
            record,
            found,
            orders,
            self.reports.0.clone(),
        ));
    }
}

fn want(deployment: &DesiredDeployment) -> Want {
    Want {
        deployment: format!("{}/{}", deployment.namespace, deployment.name),
        hash: deployment.hash.clone(),
        replicas: deployment.replicas,
        max_surge: deployment.max_surge,
        max_unavailable: deployment.max_unavailable,
        recreate: deployment.recreate,
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
