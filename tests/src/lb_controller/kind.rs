//! The two controllers: their names and differences.

/// A load balancer controller of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The AWS Load Balancer Controller, installed in the cluster.
    Controller,
    /// The controller of EKS Auto Mode, which runs outside the cluster.
    AutoMode,
}

impl Kind {
    /// The `loadBalancerClass` of its Services.
    pub(super) fn nlb_class(self) -> &'static str {
        match self {
            Self::Controller => "service.k8s.aws/nlb",
            Self::AutoMode => "eks.amazonaws.com/nlb",
        }
    }

    /// The `controller` of its Ingress classes.
    pub(super) fn alb_controller(self) -> &'static str {
        match self {
            Self::Controller => "ingress.k8s.aws/alb",
            Self::AutoMode => "eks.amazonaws.com/alb",
        }
    }

    /// The API group of its custom resources.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Controller => "elbv2.k8s.aws",
            Self::AutoMode => "eks.amazonaws.com",
        }
    }

    /// The version of its `TargetGroupBinding`.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Controller => "v1beta1",
            Self::AutoMode => "v1",
        }
    }

    /// The finalizer that keeps a Service until its load balancer is deleted.
    pub(super) fn finalizer(self) -> &'static str {
        match self {
            Self::Controller => "service.k8s.aws/resources",
            Self::AutoMode => "service.eks.amazonaws.com/resources",
        }
    }

    /// The label by which a namespace enables readiness gates.
    pub(super) fn gate_label(self) -> String {
        format!("{}/pod-readiness-gate-inject", self.group())
    }

    /// The condition of a pod whose target is healthy.
    pub(super) fn condition(self, binding: &str) -> String {
        format!("target-health.{}/{binding}", self.group())
    }

    /// The name of its webhook for pods.
    pub(super) fn webhook(self) -> String {
        format!("mpod.{}", self.group())
    }

    /// Whether it reads the annotation for the PROXY protocol.
    pub(super) fn knows_proxy_protocol(self) -> bool {
        self == Self::Controller
    }
}
