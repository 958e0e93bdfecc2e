//! Operations on containers that must succeed: they are retried, but not forever.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::order::{Order, Orders};
use super::pod::Pod;
use crate::containerd;
use crate::play::container;
use crate::play::event::Event;

/// The time between two attempts of a failed operation.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// The time between two attempts to reach a restarting containerd.
pub(super) const RECONNECT: Duration = Duration::from_millis(200);

/// How long an operation that must succeed is retried before the worker gives up on the pod.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a pod that has to stop waits for an unreachable containerd; a restart takes about 1 s.
const LOST_TIMEOUT: Duration = Duration::from_secs(5);

impl Pod {
    /// Removes containers; `false` if one could not be removed.
    pub(super) async fn remove_all(
        &self,
        ids: impl Iterator<Item = &str>,
        orders: &Orders,
    ) -> bool {
        let mut removed = true;
        for id in ids {
            removed &= self.remove(id, orders).await;
        }
        removed
    }

    /// Removes a container, whatever state it is in; `false` if that failed.
    pub(super) async fn remove(&self, id: &str, orders: &Orders) -> bool {
        let client = &self.ctx.client;
        self.retry("remove", orders, || container::remove(client, id))
            .await
    }

    /// Retries an operation until it succeeds. Gives up, with an event, after a timeout, which is shorter if
    /// the pod has to stop and containerd does not answer.
    pub(super) async fn retry<T, F>(
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
