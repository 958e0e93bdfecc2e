//! The state of the controller.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::entry::Entry;
use super::row::PodRow;
use crate::balancer::Pool;
use crate::manifest::{Desired, DesiredService, ServicePort};
use crate::play::context::Context;
use crate::play::observe::ObservedContainer;
use crate::play::record::PodRecord;
use crate::play::worker::{self, Order, Report};

/// Runs Deployments: creates and replaces their pods, and updates the endpoints of their Services.
pub struct Controller {
    pub(super) ctx: Arc<Context>,
    pub(super) desired: Desired,
    pub(super) pods: BTreeMap<String, Entry>,
    pub(super) pools: Vec<(DesiredService, ServicePort, Arc<Pool>)>,
    pub(super) workers: JoinSet<()>,
    /// For the workers.
    report: mpsc::UnboundedSender<Report>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) rows: watch::Sender<Vec<PodRow>>,
    pub(super) last_address: Option<Ipv4Addr>,
    /// Stuck pods, which were not adopted, but have their names and addresses.
    pub(super) stuck: Vec<PodRecord>,
    /// The last pod could not be created for lack of an address.
    pub(super) out_of_addresses: bool,
    pub(super) rollout_complete: bool,
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

    /// Starts the worker of a pod, with its existing containers.
    pub(super) fn spawn(&mut self, record: PodRecord, found: Vec<ObservedContainer>) {
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
