//! Checks within seconds, before anything is built, whether a cluster meets a deploy's requirements: waiting
//! for a load balancer that no controller creates takes minutes to fail.
//!
//! [`problems`] is a pure function of the manifests and the cluster's state.

mod balancers;
mod facts;
mod problem;
mod subnets;
#[cfg(test)]
mod tests;
mod too_few_subnets;

use cli::{Exit, ExitError, Printer};
use serde_json::Value;
use thiserror::Error;

use crate::args::Overlay;
use crate::custom;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Manifests;

pub(crate) use facts::Facts;
#[cfg(test)]
use facts::Webhook;
pub(crate) use problem::Problem;

/// The load balancer classes, with the API group of the controller's custom resources and its name.
const CONTROLLERS: [(&str, &str, &str); 2] = [
    (
        "service.k8s.aws/nlb",
        "elbv2.k8s.aws",
        "the AWS Load Balancer Controller",
    ),
    (
        "eks.amazonaws.com/nlb",
        "eks.amazonaws.com",
        "EKS Auto Mode",
    ),
];
/// The webhook of the AWS Load Balancer Controller that adds readiness gates to pods. Auto Mode's
/// runs in the control plane, where it is not visible.
const GATE_WEBHOOK: &str = "mpod.elbv2.k8s.aws";
const GATE_LABEL: &str = "elbv2.k8s.aws/pod-readiness-gate-inject";

/// Why a deploy could not succeed.
#[derive(Debug, Error)]
pub(crate) enum PreflightError {
    /// The cluster could not be queried.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The cluster does not meet the requirements.
    #[error("{overlay} cannot be deployed on {context}:{}", list(problems))]
    Problems {
        overlay: String,
        context: String,
        problems: Vec<Problem>,
    },
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect();
    lines.concat()
}

impl ExitError for PreflightError {
    fn exit(&self) -> Exit {
        match self {
            Self::Kubectl(error) => error.exit(),
            Self::Problems { problems, .. } => problems.first().map_or(Exit::Usage, Problem::exit),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubectl(error) => error.hint(),
            Self::Problems { problems, .. } => problems.first().map(Problem::hint),
        }
    }
}

/// Checks a cluster for an overlay, without changing anything. If the names of the EKS cluster and its region
/// are given, its subnets too.
pub(crate) fn check(
    printer: Printer,
    kubectl: &Kubectl,
    overlay: &Overlay,
    region: Option<&str>,
    manifests: &Manifests,
) -> Result<(), PreflightError> {
    let objects = &manifests.objects;
    let custom = custom::kinds(objects).into_keys().collect();
    let facts = Facts::gather(kubectl, &manifests.target.namespace, &custom)?;
    let folder = &overlay.folder;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut problems = problems(&name, objects, &facts);
    if !matches!(problems[..], [Problem::WrongCluster { .. }])
        && let Some((cluster, region)) = overlay.changes.cluster.as_ref().zip(region)
    {
        problems.extend(subnets::problems(cluster.as_ref(), region, objects));
    }
    let (fatal, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_fatal);
    for warning in warnings {
        printer.warn(&format!("{warning}; {}", warning.hint()));
    }
    if fatal.is_empty() {
        return Ok(());
    }
    Err(PreflightError::Problems {
        overlay: folder.display().to_string(),
        context: kubectl.context().to_owned(),
        problems: fatal,
    })
}

/// Why the manifests would not work on a cluster.
pub(crate) fn problems(overlay: &str, objects: &[Value], facts: &Facts) -> Vec<Problem> {
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
    let controller = missing_controller(objects, facts);
    if controller.is_none() {
        // A controller that is not installed has not installed its kinds either.
        problems.extend(missing_kinds(objects, facts));
    }
    problems.extend(controller);
    problems.extend(missing_gates(objects, facts));
    problems.extend(missing_class(
        objects,
        ("Ingress", "ingressClassName"),
        "IngressClass",
        facts.ingress_classes.as_ref(),
    ));
    problems.extend(missing_class(
        objects,
        ("PersistentVolumeClaim", "storageClassName"),
        "StorageClass",
        facts.storage_classes.as_ref(),
    ));
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

fn missing_controller(objects: &[Value], facts: &Facts) -> Option<Problem> {
    let class = of_kind(objects, "Service")
        .find_map(|service| service["spec"]["loadBalancerClass"].as_str())?;
    let (_, group, controller) = CONTROLLERS.iter().find(|(known, ..)| *known == class)?;
    let missing = Problem::NoController {
        class: class.to_owned(),
        controller,
    };
    if !facts.groups.contains(*group) {
        return Some(missing);
    }
    (class == CONTROLLERS[0].0 && facts.controller_available == Some(false)).then_some(missing)
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

/// A class that an object refers to and that neither the cluster nor the manifests have.
fn missing_class(
    objects: &[Value],
    (kind, field): (&str, &str),
    class_kind: &'static str,
    known: Option<&Vec<String>>,
) -> Option<Problem> {
    let class = of_kind(objects, kind).find_map(|object| object["spec"][field].as_str())?;
    let brought = of_kind(objects, class_kind).any(|object| object["metadata"]["name"] == class);
    let known = known?;
    (!brought && !known.iter().any(|name| name == class)).then(|| Problem::NoClass {
        kind: class_kind,
        name: class.to_owned(),
    })
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}
