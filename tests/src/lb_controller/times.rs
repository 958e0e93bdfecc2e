//! How long things take at AWS, scaled.

use std::time::Duration;

use crate::lb::Scale;

/// The times that no annotation sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How many times faster than at AWS time passes.
    pub scale: Scale,
    /// How long new connections keep going to a deregistered target of an NLB. Not scaled, since
    /// pods drain in real time.
    pub deregistration_lag: Duration,
}

impl Times {
    /// All times scaled alike.
    pub fn scaled(scale: Scale) -> Self {
        Self {
            scale,
            // aws-load-balancer-controller issues 2366 and 3270.
            deregistration_lag: scale.seconds(120),
        }
    }

    /// From the creation of a load balancer to its first connection: two to three minutes.
    pub(super) fn provisioning(self) -> Duration {
        self.scale.seconds(150)
    }

    /// From the registration of an NLB's target to its first check: three minutes and more
    /// (aws/containers-roadmap issue 2511).
    pub(super) fn nlb_registration(self) -> Duration {
        self.scale.seconds(180)
    }

    /// How often the controller reads the health of targets (`defaultRequeueDuration` in its
    /// `resource_manager.go`).
    pub(super) fn health_interval(self) -> Duration {
        self.scale.seconds(15)
    }
}
