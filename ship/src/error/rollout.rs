//! Why a deploy did not complete.

use std::time::Duration;

use cli::{Exit, ExitError};
use thiserror::Error;

use crate::diagnose::{Cause, Finding};
use crate::indent::indented;

/// A rollout that did not complete, or a load balancer without an address.
#[derive(Debug, Error)]
#[error("{what} is not ready after {}s{}", after.as_secs(), indented(findings))]
pub(crate) struct RolloutError {
    /// The Deployment or the load balancer.
    pub(crate) what: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// The time spent waiting.
    pub(crate) after: Duration,
    /// The known reasons.
    pub(crate) findings: Vec<Finding>,
}

impl ExitError for RolloutError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        let ungated = |finding: &Finding| finding.cause == Cause::NoGate;
        if self.findings.iter().any(ungated) {
            return Some(
                "the pods are older than their target group, or the controller's webhook did not \
                 answer: `kubectl rollout restart` creates new ones"
                    .to_owned(),
            );
        }
        self.findings
            .is_empty()
            .then(|| "`make status` shows the objects and their warnings".to_owned())
    }
}
