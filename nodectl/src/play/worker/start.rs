//! Starts a container, and retries until that succeeds.

use super::order::{Order, Orders, stop_within};
use super::pod::Pod;
use super::retry::{RETRY, RETRY_TIMEOUT};
use crate::play::container::{self, Started};
use crate::play::event::Event;
use crate::play::status::ContainerState;

/// A start that was abandoned because the pod has to stop.
pub(super) struct Abandoned {
    /// Whether every failed attempt was removed.
    pub(super) clean: bool,
}

impl Pod {
    /// Starts a container, and retries until that succeeds or the pod is ordered to stop.
    ///
    /// Each failed attempt is removed before the next one: if only containerd's response was lost, its
    /// process runs and holds the pod's ports.
    pub(super) async fn start(
        &self,
        index: usize,
        restarts: u32,
        orders: &mut Orders,
    ) -> Result<Started, Abandoned> {
        let spec = &self.record.template.spec.containers[index];
        let client = &self.ctx.client;
        let mut pause = RETRY;
        let mut retries = 0;
        let mut remains: Option<String> = None;
        loop {
            if *orders.borrow() != Order::Run {
                let clean = match &remains {
                    Some(id) => {
                        let remove = || container::remove_attempt(client, id);
                        self.retry("remove", orders, remove).await
                    }
                    None => true,
                };
                return Err(Abandoned { clean });
            }
            if let Some(id) = &remains
                && let Err(error) = container::remove_attempt(client, id).await
            {
                self.failed(&error);
                let _ = stop_within(orders, pause).await;
                pause = (pause * 2).min(RETRY_TIMEOUT);
                continue;
            }
            match container::start(&self.ctx, &self.record, spec, restarts, retries).await {
                Ok(started) => {
                    self.emit(Event::Started {
                        pod: self.record.name.clone(),
                        container: spec.name.to_string(),
                        pid: started.pid,
                    });
                    return Ok(started);
                }
                Err(error) => {
                    remains = Some(self.record.container_id(&spec.name, restarts, retries));
                    self.change_container(index, |status| {
                        status.state = ContainerState::Waiting("StartError".to_owned());
                        status.reason = Some(cli::one_line(&error));
                    });
                    self.failed(&error);
                }
            }
            let _ = stop_within(orders, pause).await;
            pause = (pause * 2).min(RETRY_TIMEOUT);
            retries += 1;
        }
    }
}
