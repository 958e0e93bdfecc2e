//! The problems that prevent a deploy.

use std::fmt;

use cli::Exit;

use super::too_few_subnets::TooFewSubnets;

/// One reason why a deploy would not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The overlay is for another kind of cluster.
    WrongCluster { wanted: &'static str, found: String },
    /// The namespace is being deleted, and accepts no new objects.
    NamespaceTerminating,
    /// RBAC does not permit it.
    NotAllowed,
    /// No controller creates load balancers of the Service's class.
    NoController {
        class: String,
        controller: &'static str,
    },
    /// The definitions of custom resources are not installed.
    NoKinds { version: String, kinds: Vec<String> },
    /// No webhook adds the readiness gates that the namespace enables.
    NoGateWebhook,
    /// Pods get no readiness gates while the controller is unavailable.
    GatesMayBeSkipped,
    /// An object refers to a missing class.
    NoClass { kind: &'static str, name: String },
    /// Claims name no storage class, and none is the default: they probably get no volume.
    NoDefaultStorageClass { claims: Vec<String> },
    /// The controller would find no place for a load balancer.
    TooFewSubnets(Box<TooFewSubnets>),
    /// AWS did not answer, with its error.
    SubnetsUnknown(String),
}

impl Problem {
    /// Whether the deploy is refused.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::WrongCluster { .. }
            | Self::NamespaceTerminating
            | Self::NotAllowed
            | Self::NoController { .. }
            | Self::NoKinds { .. }
            | Self::NoGateWebhook
            | Self::NoClass { .. }
            | Self::TooFewSubnets(_) => true,
            // A controller may set the class, or create the volume.
            Self::NoDefaultStorageClass { .. }
            | Self::GatesMayBeSkipped
            | Self::SubnetsUnknown(_) => false,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NotAllowed => Exit::Authentication,
            Self::NamespaceTerminating => Exit::Failed,
            Self::WrongCluster { .. }
            | Self::NoController { .. }
            | Self::NoKinds { .. }
            | Self::NoGateWebhook
            | Self::GatesMayBeSkipped
            | Self::NoClass { .. }
            | Self::NoDefaultStorageClass { .. }
            | Self::TooFewSubnets(_)
            | Self::SubnetsUnknown(_) => Exit::Usage,
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            Self::WrongCluster { .. } => {
                "choose the cluster with --context (CONTEXT=), or another OVERLAY=".to_owned()
            }
            Self::NamespaceTerminating => {
                "wait until it is gone; `kubectl get namespace -o yaml` shows what it waits for"
                    .to_owned()
            }
            Self::NotAllowed => "docs/eks.md has the access entry that a deploy needs".to_owned(),
            Self::NoController { .. } | Self::NoGateWebhook => {
                "`make cluster CLUSTER= REGION=` installs it if it is missing; for a cluster \
                 with EKS Auto Mode, OVERLAY=eks-auto"
                    .to_owned()
            }
            Self::NoKinds { version, .. } => installs(version).to_owned(),
            Self::GatesMayBeSkipped => {
                "set podMutatorWebhookConfig.failurePolicy=Fail in its Helm chart, as \
                 `make cluster` does"
                    .to_owned()
            }
            Self::NoClass { kind, .. } => format!("`kubectl get {kind}` lists those that exist"),
            Self::NoDefaultStorageClass { .. } => {
                "set storageClassName to one that `kubectl get StorageClass` lists; new EKS clusters have no default"
                    .to_owned()
            }
            Self::TooFewSubnets(found) => found.hint(),
            Self::SubnetsUnknown(_) => {
                "`k8s/iam/deployer.json` permits it; without CLUSTER= or REGION=, subnets are not checked"
                    .to_owned()
            }
        }
    }
}

/// How to install the custom resources of an API group.
fn installs(version: &str) -> &'static str {
    match version.split('/').next() {
        Some("monitoring.coreos.com") => {
            "install the Prometheus operator, for example with the Helm chart kube-prometheus-stack \
             (docs/eks.md), or leave the component monitoring out"
        }
        Some("karpenter.sh" | "karpenter.k8s.aws") => {
            "install Karpenter (https://karpenter.sh/docs/getting-started); on EKS Auto Mode, which \
            includes it, use OVERLAY=eks-auto and the component spot-auto"
        }
        _ => "install its CRD; `kubectl api-resources` lists the kinds that exist",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongCluster { wanted, found } => {
                write!(f, "the overlay is for {wanted}, and the cluster is {found}")
            }
            Self::NamespaceTerminating => f.write_str("the namespace is being deleted"),
            Self::NotAllowed => {
                f.write_str("the user is not permitted to change Deployments in the namespace")
            }
            Self::NoController { class, controller } => write!(
                f,
                "no controller creates load balancers of the class {class}: {controller} is \
                not running"
            ),
            Self::NoKinds { version, kinds } => {
                write!(
                    f,
                    "the cluster has no {} of {version}",
                    kinds.join(" and no ")
                )
            }
            Self::NoGateWebhook => f.write_str(
                "nothing adds readiness gates to pods: the webhook of the AWS Load Balancer \
                 Controller is missing",
            ),
            Self::GatesMayBeSkipped => f.write_str(
                "pods get no readiness gate while the AWS Load Balancer Controller is unavailable",
            ),
            Self::NoClass { kind, name } => write!(f, "there is no {kind} {name}"),
            Self::NoDefaultStorageClass { claims } => write!(
                f,
                "there is no default StorageClass, and these claims name no class: {}",
                claims.join(", ")
            ),
            Self::TooFewSubnets(found) => found.fmt(f),
            Self::SubnetsUnknown(error) => {
                write!(
                    f,
                    "the subnets for the load balancer are not checked: {error}"
                )
            }
        }
    }
}
