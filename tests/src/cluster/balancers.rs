//! The load balancer controllers of AWS, in the cluster.

use super::Cluster;
use crate::lb_controller::{Certificates, Controller, Kind, Times};

impl Cluster {
    /// Starts a controller, whose load balancers the programs find by name from then on.
    ///
    /// # Panics
    /// When the cluster does not accept it.
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
