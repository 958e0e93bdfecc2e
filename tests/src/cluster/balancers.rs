//! The load balancer controllers of AWS, in the cluster.

use super::Cluster;
use crate::lb_controller::{Certificates, Controller, Kind, Times};

impl Cluster {
    /// Starts a controller. From then on the programs resolve the names of its load balancers.
    ///
    /// # Panics
    /// When the controller cannot be installed in the cluster.
    pub fn start_controller(
        &mut self,
        kind: Kind,
        times: Times,
        certificates: Certificates,
    ) -> Controller {
        let log = self.state().join("logs/lb-controller.log");
        let controller = Controller::start(&self.kubectl, kind, times, certificates, log);
        let controller = controller.unwrap_or_else(|error| panic!("{error:#}"));
        self.set_hosts(controller.hosts());
        controller
    }
}
