//! The life of a pod, from the creation of its network to its removal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::order::{Order, Orders, stop_within};
use super::pod::{Pod, Report};
use super::retry::RETRY;
use crate::play::context::Context;
use crate::play::event::Event;
use crate::play::observe::ObservedContainer;
use crate::play::record::PodRecord;
use crate::play::sandbox;

/// How long a pod's network outlives its last process: the process's last packets, such as a FIN or RST, may
/// still be in a queue that is deleted with the link.
const LAST_PACKETS: Duration = Duration::from_millis(100);

/// Runs a pod until it is ordered to stop. Returns when the pod was removed, or when it cannot be removed
/// because containerd does not answer.
pub(in crate::play) async fn run(
    ctx: Arc<Context>,
    record: PodRecord,
    found: Vec<ObservedContainer>,
    orders: Orders,
    reports: mpsc::UnboundedSender<Report>,
) {
    let pod = Arc::new(Pod::new(ctx, record, reports));
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

impl Pod {
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
}
