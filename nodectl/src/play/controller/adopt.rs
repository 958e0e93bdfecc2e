//! Takes over what an earlier nodectl left.

use std::collections::BTreeSet;

use super::state::Controller;
use crate::play::container;
use crate::play::event::Event;
use crate::play::observe::{Observed, observe};
use crate::play::sweep::{self, SweepError};

impl Controller {
    /// Adopts the pods that an earlier nodectl left running, and removes resources that belong to no pod.
    ///
    /// A pod whose shim does not answer is reported and kept, since it may be serving. `down` removes it.
    ///
    /// # Errors
    /// As containerd's and the network's.
    pub async fn adopt(&mut self) -> Result<(), SweepError> {
        let client = &self.ctx.client;
        let (pods, mut strays) = observe(client, &self.ctx.instance.id).await?;
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
}
