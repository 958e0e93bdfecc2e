//! Publishes the state of the pods: the load balancer's endpoints and the table's rows.

use std::net::SocketAddr;

use super::row::PodRow;
use super::state::Controller;

impl Controller {
    /// Updates endpoints and rows.
    pub(super) fn publish(&self) {
        for (service, port, pool) in &self.pools {
            let selected = self.pods.values().filter(|entry| {
                entry.ready()
                    && service.selects(&entry.record.namespace, &entry.record.pod_labels())
            });
            let targets: Vec<_> = selected
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
}
