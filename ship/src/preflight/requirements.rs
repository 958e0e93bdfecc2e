//! What the manifests require of a cluster: a pure function of them and the cluster's state.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Problem;
use super::controllers::Controller;
use super::facts::Facts;
use crate::custom;
use crate::kubectl::of_kind;

/// The webhook of the AWS Load Balancer Controller that adds readiness gates to pods. Auto Mode's
/// runs in the control plane, where it is not visible.
pub(super) const GATE_WEBHOOK: &str = "mpod.elbv2.k8s.aws";
pub(super) const GATE_LABEL: &str = "elbv2.k8s.aws/pod-readiness-gate-inject";

/// Why the manifests would not work on a cluster.
pub(super) fn problems(overlay: &str, objects: &[Value], facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(wrong_cluster(overlay, facts));
    if !problems.is_empty() {
        // Every other problem would follow from this one.
        return problems;
    }
    if facts.namespace_phase.as_deref() == Some("Terminating") {
        problems.push(Problem::NamespaceTerminating);
    }
    if facts.may_deploy == Some(false) {
        problems.push(Problem::NotAllowed);
    }
    let controllers = missing_controllers(objects, facts);
    if controllers.is_empty() {
        // A controller that is not installed has not installed its kinds either.
        problems.extend(missing_kinds(objects, facts));
    }
    problems.extend(controllers);
    problems.extend(missing_gates(objects, facts));
    problems.extend(facts.classes.missing(objects));
    problems
}

/// The API server's version identifies the cluster better than the context's name.
fn wrong_cluster(overlay: &str, facts: &Facts) -> Option<Problem> {
    let is_eks = facts.server_version.contains("-eks-");
    let wanted = match overlay {
        "eks" | "eks-auto" if !is_eks => "Amazon EKS",
        "local" if is_eks => "a cluster on this machine",
        _ => return None,
    };
    Some(Problem::WrongCluster {
        wanted,
        found: facts.server_version.clone(),
    })
}

/// Controllers of the load balancers in the manifests that are not installed or not running.
fn missing_controllers(objects: &[Value], facts: &Facts) -> Vec<Problem> {
    let problem = |class: &str| {
        let controller = Controller::of(class)?;
        let is_installed = facts.groups.contains(controller.api_group);
        let is_unavailable = controller.runs_in_pods && facts.controller_available == Some(false);
        (!is_installed || is_unavailable).then(|| Problem::NoController {
            class: class.to_owned(),
            controller: controller.name,
        })
    };
    let classes = of_kind(objects, "Service")
        .filter_map(|service| service["spec"]["loadBalancerClass"].as_str());
    let classes: BTreeSet<_> = classes.collect();
    classes.into_iter().filter_map(problem).collect()
}

/// Custom resources whose definitions are not installed.
fn missing_kinds(objects: &[Value], facts: &Facts) -> Vec<Problem> {
    custom::missing(objects, &facts.kinds)
        .into_iter()
        .map(|(version, kinds)| Problem::NoKinds {
            version: version.to_owned(),
            kinds: kinds.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

fn missing_gates(objects: &[Value], facts: &Facts) -> Option<Problem> {
    let wanted = of_kind(objects, "Namespace")
        .any(|namespace| namespace["metadata"]["labels"][GATE_LABEL] == "enabled");
    // Unknown if the user may not read webhooks.
    let webhooks = facts.webhooks.as_ref()?;
    if !wanted {
        return None;
    }
    let webhook = webhooks.iter().find(|webhook| webhook.name == GATE_WEBHOOK);
    match webhook {
        None => Some(Problem::NoGateWebhook),
        Some(webhook) if webhook.ignores_failures => Some(Problem::GatesMayBeSkipped),
        Some(_) => None,
    }
}
