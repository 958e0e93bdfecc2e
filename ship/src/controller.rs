//! The AWS Load Balancer Controller in the cluster.

use crate::kubectl::{Kubectl, KubectlError, items, readable};

const LABEL: &str = "app.kubernetes.io/name=aws-load-balancer-controller";

/// Whether a pod of the controller is available; `None` if the user may not read it.
pub(crate) fn controller_is_available(kubectl: &Kubectl) -> Result<Option<bool>, KubectlError> {
    let args = ["get", "deployments.apps", "--all-namespaces", "-l", LABEL];
    let found = readable(kubectl.json(&args))?;
    Ok(found.map(|list| {
        items(&list["items"]).any(|one| one["status"]["availableReplicas"].as_u64() > Some(0))
    }))
}
