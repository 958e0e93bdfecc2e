//! The load balancers that the controller would create for the manifests, in subnets of its choice.

use std::fmt;

use serde_json::Value;

use super::controllers::Controller;
use crate::kubectl::of_kind;

/// The controllers of Application Load Balancers, of the add-on and of EKS Auto Mode.
const ALB_CONTROLLERS: [&str; 2] = ["ingress.k8s.aws/alb", "eks.amazonaws.com/alb"];
/// The Ingress class that the add-on creates.
const ALB_CLASS: &str = "alb";

/// A load balancer for which the controller chooses the subnets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balancer {
    pub(super) is_application: bool,
    pub(super) is_internal: bool,
}

impl Balancer {
    /// `None` if the object names its subnets.
    fn annotated(object: &Value, prefix: &str, is_application: bool) -> Option<Self> {
        let annotations = &object["metadata"]["annotations"];
        let named = |name| annotations.get(format!("{prefix}{name}"));
        named("subnets").is_none().then(|| Self {
            is_application,
            is_internal: is_internal(named("scheme")),
        })
    }

    /// The tag of its subnets.
    pub(super) fn role(self) -> &'static str {
        if self.is_internal {
            "kubernetes.io/role/internal-elb"
        } else {
            "kubernetes.io/role/elb"
        }
    }

    /// The least number of availability zones.
    pub(super) fn zones(self) -> usize {
        if self.is_application { 2 } else { 1 }
    }

    /// The kind of its subnets.
    pub(super) fn reach(self) -> &'static str {
        if self.is_internal {
            "private"
        } else {
            "public"
        }
    }
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_internal {
            "an internal "
        } else {
            "an internet-facing "
        })?;
        f.write_str(if self.is_application {
            "Application Load Balancer"
        } else {
            "Network Load Balancer"
        })
    }
}

/// The controller's default is an internal load balancer.
fn is_internal(scheme: Option<&Value>) -> bool {
    scheme.is_none_or(|scheme| scheme != "internet-facing")
}

/// The load balancers for which the controller chooses the subnets.
pub(super) fn balancers(objects: &[Value]) -> Vec<Balancer> {
    let services = of_kind(objects, "Service").filter(|service| {
        let class = service["spec"]["loadBalancerClass"].as_str();
        class.and_then(Controller::of).is_some()
    });
    let services = services.filter_map(|service| {
        Balancer::annotated(
            service,
            "service.beta.kubernetes.io/aws-load-balancer-",
            false,
        )
    });
    let ingresses = of_kind(objects, "Ingress").filter_map(|ingress| application(ingress, objects));
    let mut balancers: Vec<_> = services.chain(ingresses).collect();
    balancers.dedup();
    balancers
}

/// The Application Load Balancer of an Ingress.
fn application(ingress: &Value, objects: &[Value]) -> Option<Balancer> {
    let class = &ingress["spec"]["ingressClassName"];
    let named = |kind, name: &Value| {
        of_kind(objects, kind).find(|object| object["metadata"]["name"] == *name)
    };
    let Some(class) = named("IngressClass", class) else {
        let balancer = || Balancer::annotated(ingress, "alb.ingress.kubernetes.io/", true);
        return (class == ALB_CLASS).then(balancer).flatten();
    };
    let controller = &class["spec"]["controller"];
    if !ALB_CONTROLLERS.iter().any(|known| controller == known) {
        return None;
    }
    // What the class's parameters set takes precedence over annotations.
    let parameters = named("IngressClassParams", &class["spec"]["parameters"]["name"])
        .map_or(&Value::Null, |parameters| &parameters["spec"]);
    if parameters.get("subnets").is_some() {
        return None;
    }
    let balancer = Balancer::annotated(ingress, "alb.ingress.kubernetes.io/", true)?;
    Some(match parameters.get("scheme") {
        None => balancer,
        scheme => Balancer {
            is_internal: is_internal(scheme),
            ..balancer
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NLB: &str = "service.beta.kubernetes.io/aws-load-balancer-";
    const ALB: &str = "alb.ingress.kubernetes.io/";

    fn service(class: &str, annotations: &[(&str, &str)]) -> Value {
        json!({"kind": "Service", "spec": {"loadBalancerClass": class},
            "metadata": {"annotations": prefixed(NLB, annotations)}})
    }

    fn ingress(class: &str, annotations: &[(&str, &str)]) -> Value {
        json!({"kind": "Ingress", "spec": {"ingressClassName": class},
            "metadata": {"annotations": prefixed(ALB, annotations)}})
    }

    fn prefixed(prefix: &str, annotations: &[(&str, &str)]) -> Value {
        let annotations = annotations.iter();
        annotations
            .map(|(name, value)| (format!("{prefix}{name}"), Value::from(*value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    #[track_caller]
    fn check(objects: &[Value], expected: &[&str]) {
        let found: Vec<_> = balancers(objects).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_scheme_is_internal_by_default() {
        let public = [("scheme", "internet-facing")];
        let expected = "an internet-facing Network Load Balancer";
        for class in ["service.k8s.aws/nlb", "eks.amazonaws.com/nlb"] {
            check(&[service(class, &public)], &[expected]);
        }
        check(
            &[service("service.k8s.aws/nlb", &[]), ingress("alb", &public)],
            &[
                "an internal Network Load Balancer",
                "an internet-facing Application Load Balancer",
            ],
        );
    }

    #[test]
    fn the_parameters_of_a_class_take_precedence() {
        let class = json!({"kind": "IngressClass", "metadata": {"name": "own"},
            "spec": {"controller": "eks.amazonaws.com/alb", "parameters": {"name": "own"}}});
        let mut parameters = json!({"kind": "IngressClassParams", "metadata": {"name": "own"},
            "spec": {"scheme": "internet-facing"}});
        let objects = [ingress("own", &[]), class.clone(), parameters.clone()];
        check(&objects, &["an internet-facing Application Load Balancer"]);
        parameters["spec"]["subnets"] = json!({"ids": ["subnet-1"]});
        check(&[ingress("own", &[]), class, parameters], &[]);
    }

    #[test]
    fn named_subnets_and_other_controllers_are_not_checked() {
        let named = [("subnets", "subnet-1,subnet-2")];
        let nginx = json!({"kind": "IngressClass", "metadata": {"name": "web"},
            "spec": {"controller": "k8s.io/ingress-nginx"}});
        check(
            &[
                service("service.k8s.aws/nlb", &named),
                service("example.com/other", &[]),
                json!({"kind": "Service", "spec": {"type": "ClusterIP"}}),
                ingress("alb", &named),
                ingress("nginx", &[]),
                ingress("web", &[]),
                nginx,
            ],
            &[],
        );
    }
}
