//! Why a deployment was not deleted.

use std::time::Duration;

use cli::{Exit, ExitError};
use thiserror::Error;

use crate::finalizers::Holder;
use crate::indent::indented;

/// Why a deployment cannot be deleted.
#[derive(Debug, Error)]
pub(crate) enum UndeployError {
    /// Volumes would be deleted with their data.
    #[error("{namespace} holds data in {claims}")]
    HoldsData { namespace: String, claims: String },
    /// The Service or Ingress is not deleted.
    #[error(
        "{object} in {namespace} cannot be deleted: blocked by a finalizer{}{}",
        waited(*after),
        list(holders, event.as_deref())
    )]
    Held {
        /// `service/NAME` or `ingress/NAME`.
        object: String,
        namespace: String,
        holders: Vec<Holder>,
        /// The controller's last warning.
        event: Option<String>,
        /// The time spent waiting; zero if nothing was deleted.
        after: Duration,
    },
    /// The namespace is not deleted.
    #[error("namespace {namespace} was not deleted{}", indented(reasons))]
    Namespace {
        namespace: String,
        /// The API server's reasons.
        reasons: Vec<String>,
    },
}

impl ExitError for UndeployError {
    fn exit(&self) -> Exit {
        match self {
            Self::HoldsData { .. } | Self::Held { .. } | Self::Namespace { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::HoldsData { .. } => "--delete-data (DELETE_DATA=1) deletes it as well".to_owned(),
            Self::Held {
                object,
                namespace,
                holders,
                ..
            } if holders.iter().any(Holder::is_gone) => format!(
                "`make cluster CLUSTER= REGION= [OVERLAY=]` installs the controller again, and then \
                 this command deletes the load balancer; if it is gone in AWS already: kubectl patch \
                 {object} -n {namespace} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'"
            ),
            Self::Held {
                object, namespace, ..
            } => format!(
                "`kubectl describe {object} -n {namespace}` shows what the controller reports; \
                 repeat this command once it can delete the load balancer"
            ),
            Self::Namespace { namespace, .. } => format!(
                "`kubectl get namespace {namespace} -o yaml` shows what it waits for; \
                `kubectl get apiservices` lists APIs that do not answer"
            ),
        })
    }
}

fn waited(after: Duration) -> String {
    if after.is_zero() {
        " (nothing was deleted)".to_owned()
    } else {
        format!(" for {}s", after.as_secs())
    }
}

fn list(holders: &[Holder], event: Option<&str>) -> String {
    let event = event.map(|event| format!("the controller's last warning: {event}"));
    indented(holders.iter().map(ToString::to_string).chain(event))
}
