//! A running controller, and the handle that a test uses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ship::Kubectl;

use super::api::Api;
use super::authority::Authority;
use super::balancer::Certificates;
use super::hosts::Hosts;
use super::install::Installation;
use super::kind::Kind;
use super::reconcile::Reconciler;
use super::times::Times;
use super::webhook::{Bindings, Webhook};
use crate::lb::Counters;

/// The polling interval. The real controllers watch the cluster and are faster still.
const INTERVAL: Duration = Duration::from_millis(100);

/// A controller with the load balancers that it creates. Dropping it removes them all.
#[derive(Debug)]
pub struct Controller {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    hosts: Hosts,
    /// Dropped before the webhook: the API server calls it as long as it is configured.
    _installation: Installation,
    _webhook: Webhook,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    gates_frozen: AtomicBool,
    balancers: Mutex<BTreeMap<String, (SocketAddr, Counters)>>,
}

impl Controller {
    /// Installs a controller in the cluster and starts it. `certificates` are those of AWS
    /// Certificate Manager, by ARN; `log` gets its errors.
    ///
    /// # Errors
    /// When it cannot be installed in the cluster.
    pub fn start(
        kubectl: &Kubectl,
        kind: Kind,
        times: Times,
        certificates: Certificates,
        log: PathBuf,
    ) -> Result<Self> {
        let authority = Authority::new()?;
        let bindings = Bindings::default();
        let webhook = Webhook::start(authority.issue("IP:127.0.0.1")?, Arc::clone(&bindings))?;
        let installation =
            Installation::apply(kubectl, kind, &webhook.url(), &authority.certificate())?;
        let reconciler = Reconciler {
            api: Api::connect(kubectl)?,
            kind,
            times,
            certificates,
            bindings,
            balancers: BTreeMap::new(),
            events: BTreeSet::new(),
            next_number: 0,
            health_read: None,
        };
        let (hosts, shared) = (Hosts::new()?, Arc::new(Shared::default()));
        let (path, state) = (hosts.path().to_owned(), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("lb-controller".into())
            .spawn(move || run(reconciler, &state, &path, &log))
            .context("cannot start a thread")?;
        Ok(Self {
            shared,
            thread: Some(thread),
            hosts,
            _installation: installation,
            _webhook: webhook,
        })
    }

    /// A hosts file with the names of its load balancers.
    pub fn hosts(&self) -> &Path {
        self.hosts.path()
    }

    /// Stops it from reporting the health of targets, as if its IAM role could not read it.
    pub fn freeze_gates(&self, frozen: bool) {
        self.shared.gates_frozen.store(frozen, Ordering::SeqCst);
    }

    /// The address of the load balancer with this name, once it is provisioned.
    pub fn address(&self, host: &str) -> Option<SocketAddr> {
        Some(self.shared.balancers().get(host)?.0)
    }

    /// What the load balancer with this name did so far.
    pub fn counters(&self, host: &str) -> Option<Counters> {
        Some(self.shared.balancers().get(host)?.1)
    }
}

impl Shared {
    fn balancers(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (SocketAddr, Counters)>> {
        self.balancers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut reconciler: Reconciler, shared: &Shared, hosts: &Path, log: &Path) {
    let mut log = std::fs::File::create(log).ok();
    let mut write = move |line: &str| {
        if let Some(log) = &mut log {
            let _ = writeln!(log, "{line}");
        }
    };
    while !shared.stopped.load(Ordering::SeqCst) {
        let frozen = shared.gates_frozen.load(Ordering::SeqCst);
        let outcome = reconciler.reconcile(frozen, |balancer| {
            Hosts::add(hosts, &balancer.host, balancer.address.ip())
        });
        if let Err(error) = outcome {
            write(&format!("{error:#}"));
        }
        *shared.balancers() = reconciler
            .balancers
            .values()
            .filter_map(|lb| Some((lb.host.clone(), (lb.address, lb.counters()?))))
            .collect();
        std::thread::sleep(INTERVAL);
    }
    // A Service whose finalizer is never removed could never be deleted.
    for uid in reconciler.balancers.keys().cloned().collect::<Vec<_>>() {
        if let Err(error) = reconciler.remove(&uid, &[]) {
            write(&format!("{error:#}"));
        }
    }
}
