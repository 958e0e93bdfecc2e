//! The reconcile loop: compares the state that the workers report with the desired state.

mod entry;
mod publish;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use self::entry::Entry;
use super::context::Context;
use super::event::Event;
use super::observe::{Observed, ObservedContainer};
use super::record::PodRecord;
use super::status::PodStatus;
use super::sweep::SweepError;
use super::worker::{self, Order, Report};
use super::{container, sweep};
use crate::balancer::Pool;
use crate::manifest::{Desired, DesiredService, ServicePort};

/// Whether the pods run, stop or are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// They run.
    No,
    /// They stop, each within this time.
    Within(Duration),
    /// They are killed.
    Now,
}

/// A pod in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRow {
    /// The record from its creation.
    pub record: PodRecord,
    /// The last status that its worker reported.
    pub status: PodStatus,
}

impl PodRow {
    /// The IDs of its containers' last starts, unless a creation failed and was repeated under another.
    pub fn container_ids(&self) -> impl Iterator<Item = String> {
        let all = self.status.containers.iter();
        all.map(|one| self.record.container_id(&one.name, one.restarts, 0))
    }
}

/// Runs Deployments: creates and replaces their pods, and updates the endpoints of their Services.
pub struct Controller {
    ctx: Arc<Context>,
    desired: Desired,
    pods: BTreeMap<String, Entry>,
    pools: Vec<(DesiredService, ServicePort, Arc<Pool>)>,
    workers: JoinSet<()>,
    /// For the workers.
    report: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
    rows: watch::Sender<Vec<PodRow>>,
    last_address: Option<Ipv4Addr>,
    /// Stuck pods, which were not adopted, but have their names and addresses.
    stuck: Vec<PodRecord>,
    /// The last pod could not be created for lack of an address.
    out_of_addresses: bool,
    rollout_complete: bool,
}

impl Controller {
    /// A controller without pods.
    pub fn new(ctx: Arc<Context>, desired: Desired) -> Self {
        let pools = desired
            .services
            .iter()
            .flat_map(|service| {
                let pool = |port: &ServicePort| (service.clone(), port.clone(), Arc::default());
                service.ports.iter().map(pool)
            })
            .collect();
        let (report, reports) = mpsc::unbounded_channel();
        Self {
            ctx,
            desired,
            pods: BTreeMap::new(),
            pools,
            workers: JoinSet::new(),
            report,
            reports,
            rows: watch::channel(Vec::new()).0,
            last_address: None,
            stuck: Vec::new(),
            out_of_addresses: false,
            rollout_complete: false,
        }
    }

    /// The ready pods behind a Service's port, kept up to date while the controller runs.
    pub fn pool(&self, namespace: &str, service: &str, port: u16) -> Option<Arc<Pool>> {
        self.pools
            .iter()
            .find(|(of, at, _)| of.namespace == namespace && of.name == service && at.port == port)
            .map(|(_, _, pool)| Arc::clone(pool))
    }

    /// The pods, for a table.
    pub fn rows(&self) -> watch::Receiver<Vec<PodRow>> {
        self.rows.subscribe()
    }

    /// Adopts the pods that an earlier nodectl left running, and removes resources that belong to no pod.
    ///
    /// A pod whose shim does not answer is reported and kept, since it may be serving. `down` removes it.
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
                self.ctx.emit(Event::Stuck {
                    pod: pod.record.name.clone(),
                });
                self.stuck.push(pod.record);
                continue;
            }
            let running = pod.running();
            let Observed { record, containers } = pod;
            self.ctx.emit(Event::Adopted {
                pod: record.name.clone(),
                running,
                containers: record.template.spec.containers.len(),
            });
            self.spawn(record, containers);
        }
        Ok(())
    }

    /// Runs until `stop` changes, then stops all pods and returns when all are gone.
    pub async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        self.reconcile();
        loop {
            let wake = self.next_wake();
            tokio::select! {
                Some(report) = self.reports.recv() => self.handle_report(report),
                Some(_) = self.workers.join_next() => {}
                () = sleep_until(wake) => {}
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
            }
            while let Ok(report) = self.reports.try_recv() {
                self.handle_report(report);
            }
            self.reconcile();
        }
        self.stop_all(stop).await;
    }

    async fn stop_all(&mut self, mut stop: watch::Receiver<Stop>) {
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
                Some(report) = self.reports.recv() => {
                    self.handle_report(report);
                    self.publish();
                }
                _ = self.workers.join_next() => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    fn handle_report(&mut self, (name, status): Report) {
        if status.gone {
            self.pods.remove(&name);
        } else if let Some(entry) = self.pods.get_mut(&name) {
            entry.set_status(status);
        }
    }

    /// Starts the worker of a pod, with its existing containers.
    fn spawn(&mut self, record: PodRecord, found: Vec<ObservedContainer>) {
        let (order, orders) = watch::channel(Order::Run);
        let entry = Entry {
            record: record.clone(),
            status: None,
            ready_since: None,
            stopping: false,
            order,
        };
        self.pods.insert(record.name.clone(), entry);
        let ctx = Arc::clone(&self.ctx);
        let reports = self.report.clone();
        self.workers
            .spawn(worker::run(ctx, record, found, orders, reports));
    }
}
