//! Runs one pod from its creation to its removal, like a kubelet.
//!
//! A worker owns its pod: nothing else changes its containers. It reports the pod's status through a
//! channel and obeys one order, to stop.

mod keep;
mod order;
mod probes;
mod start;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub(super) use self::order::Order;
use self::order::{Orders, stop_within};
use super::container;
use super::context::Context;
use super::event::Event;
use super::observe::ObservedContainer;
use super::record::PodRecord;
use super::sandbox;
use super::status::{ContainerState, ContainerStatus, PodStatus};
use crate::containerd;
use crate::manifest::ContainerSpec;

/// A worker's report: a pod's name and its status.
pub(super) type Report = (String, PodStatus);

/// How long a pod's network outlives its last process: the process's last packets, such as a FIN or RST, may
/// still be in a queue that is deleted with the link.
const LAST_PACKETS: Duration = Duration::from_millis(100);

/// The time between two attempts of a failed operation.
const RETRY: Duration = Duration::from_secs(1);

/// The time between two attempts to reach a restarting containerd.
const RECONNECT: Duration = Duration::from_millis(200);

/// How long an operation that must succeed is retried before the worker gives up on the pod.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a pod that has to stop waits for an unreachable containerd; a restart takes about 1 s.
const LOST_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a pod until it is ordered to stop. Returns when the pod was removed, or when it cannot be removed
/// because containerd does not answer.
pub(super) async fn run(
    ctx: Arc<Context>,
    record: PodRecord,
    found: Vec<ObservedContainer>,
    orders: Orders,
    reports: mpsc::UnboundedSender<Report>,
) {
    let containers = record.template.spec.containers.iter();
    let waiting = |spec: &ContainerSpec| ContainerStatus {
        name: spec.name.to_string(),
        state: ContainerState::Waiting("Creating".to_owned()),
        restarts: 0,
        ready: false,
        reason: None,
    };
    let status = PodStatus {
        containers: containers.map(waiting).collect(),
        address: Some(record.address),
        terminating: false,
        gone: false,
    };
    let pod = Arc::new(Pod {
        ctx,
        record,
        status: std::sync::Mutex::new(status),
        reports,
    });
    pod.change(|_| {});
    let removed = if pod.prepare(orders.clone()).await {
        pod.keep_all(&found, &orders).await
    } else {
        pod.remove_all(found.iter().map(|one| &*one.id), &orders)
            .await
    };
    if !removed {
        // Its processes may still use its network and files, so these are kept too.
        pod.emit(Event::Left {
            pod: pod.record.name.clone(),
        });
        return pod.change(|status| status.gone = true);
    }
    pod.change(|status| status.terminating = true);
    sleep(LAST_PACKETS).await;
    if let Err(error) = sandbox::remove(&pod.ctx.instance, &pod.record).await {
        pod.failed(&error);
    }
    pod.emit(Event::Stopped {
        pod: pod.record.name.clone(),
    });
    pod.change(|status| status.gone = true);
}

struct Pod {
    ctx: Arc<Context>,
    record: PodRecord,
    status: std::sync::Mutex<PodStatus>,
    reports: mpsc::UnboundedSender<Report>,
}

impl Pod {
    /// Changes the status and reports it.
    fn change(&self, change: impl FnOnce(&mut PodStatus)) {
        let mut status = self.status.lock().expect("no holder of the lock panics");
        let ready = status.ready();
        change(&mut status);
        if status.ready() != ready && !status.terminating {
            let pod = self.record.name.clone();
            self.emit(Event::Ready { pod, ready: !ready });
        }
        // The controller may have been dropped.
        let _ = self
            .reports
            .send((self.record.name.clone(), status.clone()));
    }

    fn change_container(&self, index: usize, change: impl FnOnce(&mut ContainerStatus)) {
        self.change(|status| change(&mut status.containers[index]));
    }

    fn emit(&self, event: Event) {
        self.ctx.emit(event);
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.emit(Event::Failed {
            pod: self.record.name.clone(),
            reason: cli::one_line(error),
        });
    }

    /// Creates the pod's network and files, and retries until that succeeds; `false` if the pod has to stop
    /// before.
    async fn prepare(&self, mut orders: Orders) -> bool {
        loop {
            match sandbox::ensure(&self.ctx.instance, &self.ctx.bridge, &self.record).await {
                Ok(()) => return *orders.borrow() == Order::Run,
                Err(error) => self.failed(&error),
            }
            if stop_within(&mut orders, RETRY).await.is_some() {
                return false;
            }
        }
    }

    /// Keeps all containers running until the pod is ordered to stop; `false` if one could not be removed.
    async fn keep_all(self: &Arc<Self>, found: &[ObservedContainer], orders: &Orders) -> bool {
        let mut all = JoinSet::new();
        for (index, spec) in self.record.template.spec.containers.iter().enumerate() {
            let of_name = found.iter().filter(|one| *spec.name == one.name);
            let found = of_name.cloned().collect();
            let (pod, orders) = (Arc::clone(self), orders.clone());
            all.spawn(async move { pod.keep(index, found, orders).await });
        }
        let mut removed = true;
        while let Some(kept) = all.join_next().await {
            removed &= kept.unwrap_or(false);
        }
        removed
    }

    async fn remove_all(&self, ids: impl Iterator<Item = &str>, orders: &Orders) -> bool {
        let mut removed = true;
        for id in ids {
            removed &= self.remove(id, orders).await;
        }
        removed
    }

    async fn remove(&self, id: &str, orders: &Orders) -> bool {
        let client = &self.ctx.client;
        self.retry("remove", orders, || container::remove(client, id))
            .await
    }

    /// Retries an operation until it succeeds. Gives up, with an event, after a timeout, which is shorter if
    /// the pod has to stop and containerd does not answer.
    async fn retry<T, F>(
        &self,
        action: &str,
        orders: &Orders,
        mut attempt: impl FnMut() -> F,
    ) -> bool
    where
        F: Future<Output = Result<T, containerd::Error>>,
    {
        let began = Instant::now();
        let mut stopping_since = None;
        loop {
            let Err(error) = attempt().await else {
                return true;
            };
            let stopping = *orders.borrow() != Order::Run && error.is_unavailable();
            let give_up = if stopping {
                *stopping_since.get_or_insert(Instant::now()) + LOST_TIMEOUT
            } else {
                began + RETRY_TIMEOUT
            };
            if Instant::now() >= give_up {
                let error = cli::one_line(&error);
                self.emit(Event::Failed {
                    pod: self.record.name.clone(),
                    reason: format!("cannot {action} a container, giving up: {error}"),
                });
                return false;
            }
            sleep(RECONNECT).await;
        }
    }
}
