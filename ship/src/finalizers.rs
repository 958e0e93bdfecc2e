//! The finalizers of a deleted object, and whether the controllers that remove them are running.

use std::fmt;

use serde_json::Value;

use crate::controller::controller_is_available;
use crate::kubectl::{Kubectl, KubectlError, items};

/// The suffix of the AWS Load Balancer Controller's finalizers.
/// <https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/main/pkg/k8s/finalizer.go>
const CONTROLLER: &str = "k8s.aws/resources";
/// The suffix of the finalizers of EKS Auto Mode, whose controller runs in the control plane.
const AUTO_MODE: &str = "eks.amazonaws.com/resources";

/// A finalizer, and the controller that removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) finalizer: String,
    /// The controller that removes it, if known.
    remover: Option<&'static str>,
    /// Whether that controller is running.
    running: bool,
}

impl Holder {
    /// Whether no controller is running that removes it.
    pub(crate) fn is_gone(&self) -> bool {
        !self.running
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the finalizer {}", self.finalizer)?;
        match (self.remover, self.running) {
            (Some(remover), true) => write!(f, ", until {remover} has deleted the load balancer"),
            (Some(remover), false) => write!(f, ", and {remover} is not running"),
            (None, _) => Ok(()),
        }
    }
}

/// The finalizers of an object.
pub(crate) fn holders(kubectl: &Kubectl, object: &Value) -> Result<Vec<Holder>, KubectlError> {
    let names = items(&object["metadata"]["finalizers"]).filter_map(Value::as_str);
    names
        .map(|finalizer| {
            let (remover, running) = if finalizer.ends_with(AUTO_MODE) {
                ("EKS Auto Mode", serves_auto_mode(kubectl)?)
            } else if finalizer.ends_with(CONTROLLER) {
                (
                    "the AWS Load Balancer Controller",
                    // Assumed if the user may not read it.
                    controller_is_available(kubectl)?.unwrap_or(true),
                )
            } else {
                return Ok(Holder {
                    finalizer: finalizer.to_owned(),
                    remover: None,
                    running: true,
                });
            };
            Ok(Holder {
                finalizer: finalizer.to_owned(),
                remover: Some(remover),
                running,
            })
        })
        .collect()
}

/// Whether the cluster has Auto Mode's resources.
fn serves_auto_mode(kubectl: &Kubectl) -> Result<bool, KubectlError> {
    let apis = kubectl.raw("/apis")?;
    Ok(items(&apis["groups"]).any(|group| group["name"] == "eks.amazonaws.com"))
}

/// Why a terminating namespace still exists, by its conditions: an API that does not answer, remaining
/// objects, and their finalizers.
pub(crate) fn namespace_reasons(namespace: &Value) -> Vec<String> {
    let conditions = items(&namespace["status"]["conditions"]);
    let met = conditions.filter(|condition| condition["status"] == "True");
    let messages = met.filter_map(|condition| condition["message"].as_str());
    messages.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the namespace controller of Kubernetes 1.36 reports it.
    #[test]
    fn a_namespaces_conditions_state_what_it_waits_for() {
        let namespace = json!({"status": {"conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "True",
                "message": "Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1"},
            {"type": "NamespaceContentRemaining", "status": "False", "message": "all gone"},
            {"type": "NamespaceFinalizersRemaining", "status": "True",
                "message": "Some content in the namespace has finalizers remaining: x in 1 resource instances"},
        ]}});
        let reasons = namespace_reasons(&namespace);
        assert_eq!(reasons.len(), 2);
        assert!(reasons[0].starts_with("Discovery failed"), "{reasons:?}");
        assert_eq!(namespace_reasons(&Value::Null), [""; 0]);
    }
}
