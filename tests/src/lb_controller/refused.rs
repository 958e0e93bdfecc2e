//! A refusal by a controller or by Elastic Load Balancing, which is reported in an event.

/// Why the requested load balancer is not created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The event's reason.
    pub(super) reason: &'static str,
    /// The event's message.
    pub(super) message: String,
}

impl Refused {
    /// The controller cannot make sense of the object.
    pub(super) fn build(message: &str) -> Self {
        Self {
            reason: "FailedBuildModel",
            message: format!("Failed build model due to {message}"),
        }
    }

    /// AWS's API refuses.
    pub(super) fn deploy(message: &str) -> Self {
        Self {
            reason: "FailedDeployModel",
            message: format!("Failed deploy model due to {message}"),
        }
    }
}
