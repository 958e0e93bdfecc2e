//! The controllers that create load balancers on Amazon EKS.

/// A controller of load balancers.
pub(super) struct Controller {
    /// The class of its load balancers.
    class: &'static str,
    /// The API group of its custom resources.
    pub(super) api_group: &'static str,
    pub(super) name: &'static str,
    /// Whether it runs in pods; otherwise in the control plane, where it is not visible.
    pub(super) runs_in_pods: bool,
}

const CONTROLLERS: [Controller; 2] = [
    Controller {
        class: "service.k8s.aws/nlb",
        api_group: "elbv2.k8s.aws",
        name: "the AWS Load Balancer Controller",
        runs_in_pods: true,
    },
    Controller {
        class: "eks.amazonaws.com/nlb",
        api_group: "eks.amazonaws.com",
        name: "EKS Auto Mode",
        runs_in_pods: false,
    },
];

impl Controller {
    /// The controller of a load balancer class; `None` for a class of others.
    pub(super) fn of(class: &str) -> Option<&'static Self> {
        CONTROLLERS.iter().find(|known| known.class == class)
    }
}
