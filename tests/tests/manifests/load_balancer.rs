//! The load balancers of AWS: classes, annotations, names.

use std::collections::BTreeSet;

use e2e::manifests::{Annotations, BadAnnotation, Rendered};
use serde_json::Value;

use super::{combinations, k8s};

/// What creates the load balancer of a combination: an Ingress an ALB, the Service an NLB.
struct Balancer<'a> {
    is_alb: bool,
    annotations: &'a Value,
    /// What the names of AWS's annotations begin with.
    prefix: &'static str,
}

impl<'a> Balancer<'a> {
    fn of(name: &str, rendered: &'a Rendered) -> Self {
        let is_alb = name.contains("+alb-ingress");
        let (kind, prefix) = if is_alb {
            ("Ingress", "alb.ingress.kubernetes.io/")
        } else {
            let prefix = "service.beta.kubernetes.io/aws-load-balancer-";
            ("Service", prefix)
        };
        Self {
            is_alb,
            annotations: &rendered.only(kind)["metadata"]["annotations"],
            prefix,
        }
    }

    fn annotation(&self, key: &str) -> &'a Value {
        &self.annotations[format!("{}{key}", self.prefix)]
    }
}

/// Auto Mode has an EBS driver and load balancer classes of its own, no EFS driver, and no support
/// for the annotation of the PROXY protocol. Each overlay offers only what works there.
#[test]
fn each_overlay_uses_the_controllers_of_its_cluster() {
    let mut names = BTreeSet::new();
    for (name, rendered) in combinations() {
        let auto = name.starts_with("eks-auto");
        if !name.starts_with("eks") {
            continue;
        }
        for object in rendered.objects() {
            let spec = &object["spec"];
            for (value, expected, automatic) in [
                (
                    &spec["loadBalancerClass"],
                    "service.k8s.aws/nlb",
                    "eks.amazonaws.com/nlb",
                ),
                (&spec["ingressClassName"], "alb", "rust-app-alb"),
                (
                    &object["provisioner"],
                    "ebs.csi.aws.com",
                    "ebs.csi.eks.amazonaws.com",
                ),
            ] {
                if value.is_null() || value == "efs.csi.aws.com" {
                    continue;
                }
                let expected = if auto { automatic } else { expected };
                assert_eq!(value, expected, "{name}: {}", object["kind"]);
                names.insert(expected);
            }
        }
        let text = rendered
            .objects()
            .iter()
            .map(Value::to_string)
            .collect::<String>();
        let unsupported = ["efs.csi.aws.com", "aws-load-balancer-proxy-protocol"];
        assert!(
            !auto || !unsupported.iter().any(|one| text.contains(one)),
            "{name}"
        );
    }
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn tls_has_a_host_name() {
    let mut seen = BTreeSet::new();
    for (name, rendered) in combinations() {
        let service = rendered.only("Service");
        let tls = name.contains("+tls");
        let Balancer {
            is_alb,
            annotations,
            ..
        } = Balancer::of(name, rendered);
        // An ALB redirects port 80; an NLB serves one port.
        let https = service["spec"]["ports"][0]["port"] == 443;
        assert_eq!(https, tls && !is_alb, "{name}");
        let host = &annotations["external-dns.alpha.kubernetes.io/hostname"];
        assert_eq!(host.is_string(), tls, "{name}");
        let redirect = &annotations["alb.ingress.kubernetes.io/ssl-redirect"];
        assert_eq!(redirect == "443", tls && is_alb, "{name}");
        seen.insert((tls, is_alb));
    }
    assert_eq!(seen.len(), 4);
}

/// `internal` and `dual-stack` apply to whichever load balancer the overlay has, and to Auto Mode's class.
#[test]
fn the_load_balancer_is_internal_or_has_ipv6_if_that_is_chosen() {
    let mut seen = BTreeSet::new();
    for (name, rendered) in combinations() {
        if !name.starts_with("eks") {
            continue;
        }
        let balancer = Balancer::of(name, rendered);
        let (is_alb, annotation) = (balancer.is_alb, |key| balancer.annotation(key));
        let (internal, dual) = (name.contains("+internal"), name.contains("+dual-stack"));
        let scheme = if internal {
            "internal"
        } else {
            "internet-facing"
        };
        assert_eq!(annotation("scheme"), scheme, "{name}");
        assert_eq!(annotation("ip-address-type") == "dualstack", dual, "{name}");
        if name.contains("alb-ingress-auto") {
            let class = &rendered.only("IngressClassParams")["spec"];
            assert_eq!(class["scheme"], scheme, "{name}");
            assert_eq!(class["ipAddressType"] == "dualstack", dual, "{name}");
        }
        seen.insert((is_alb, internal, dual));
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

/// A zonal shift of the load balancer itself, besides the cluster's: with cross-zone load balancing, AWS
/// accepts it for an NLB only if connections of unhealthy targets are not terminated.
#[test]
fn every_load_balancer_of_aws_takes_part_in_a_zonal_shift() {
    let mut seen = BTreeSet::new();
    for (name, rendered) in combinations() {
        if !name.starts_with("eks") {
            continue;
        }
        let balancer = Balancer::of(name, rendered);
        let is_alb = balancer.is_alb;
        let attributes = if is_alb {
            "load-balancer-attributes"
        } else {
            "attributes"
        };
        let list = |key: &str| balancer.annotation(key).as_str().unwrap();
        let has = |key: &str, wanted: &str| list(key).split(',').any(|one| one == wanted);
        assert!(has(attributes, "zonal_shift.config.enabled=true"), "{name}");
        if !is_alb {
            let kept = "target_health_state.unhealthy.connection_termination.enabled=false";
            assert!(has("target-group-attributes", kept), "{name}");
        }
        seen.insert(is_alb);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn load_balancer_annotations_are_in_the_list() {
    let list = std::fs::read_to_string(k8s().join("annotations.txt")).unwrap();
    let list = Annotations::parse(&list);
    for (name, rendered) in combinations() {
        for object in rendered.objects() {
            let bad: Vec<BadAnnotation> = list.check(object);
            assert!(bad.is_empty(), "{name}: {bad:?}");
        }
    }
}
