//! Every combination of components against a real API server, which refuses more than the schemas
//! do. Needs the cluster that `dev/cluster/run` starts.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::Path;

use e2e::cluster::Cluster;
use e2e::manifests::{combinations, render};
use serde_json::{Value, json};

/// The CRDs of Karpenter and the Prometheus operator, whose CEL rules only an API server evaluates.
const CUSTOM: [&str; 4] = [
    include_str!("../../k8s/schemas/karpenter.k8s.aws_ec2nodeclasses.yaml"),
    include_str!("../../k8s/schemas/karpenter.sh_nodepools.yaml"),
    include_str!("../../k8s/schemas/monitoring.coreos.com_podmonitors.yaml"),
    include_str!("../../k8s/schemas/monitoring.coreos.com_prometheusrules.yaml"),
];
const DEFINITIONS: [&str; 5] = [
    "ec2nodeclasses.karpenter.k8s.aws",
    "ingressclassparams.eks.amazonaws.com",
    "nodepools.karpenter.sh",
    "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
];

/// The CRD of EKS Auto Mode, without its schema, which AWS does not publish.
fn ingress_class_params() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ingressclassparams.eks.amazonaws.com"},
        "spec": {
            "group": "eks.amazonaws.com",
            "scope": "Cluster",
            "names": {"kind": "IngressClassParams", "plural": "ingressclassparams"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }}],
        },
    })
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn the_api_server_accepts_every_combination() {
    let cluster = Cluster::connect();
    // Undeploy first: a combination would otherwise be validated as an update.
    cluster.undeploy();
    let apply = |object: &Value, extra: &[&str]| cluster.kubectl.apply(&object.to_string(), extra);
    apply(&ingress_class_params(), &[]).unwrap();
    for definition in CUSTOM {
        cluster.kubectl.apply(definition, &[]).unwrap();
    }
    for crd in DEFINITIONS {
        cluster.run(&["wait", "--for=condition=Established", &format!("crd/{crd}")]);
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accepted");
    let combinations = combinations(&scratch);
    let namespace = render(&combinations[0].folder).only("Namespace").clone();
    apply(&namespace, &[]).unwrap();

    let mut refused = Vec::new();
    for combination in &combinations {
        let rendered = render(&combination.folder);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": rendered.objects()});
        if let Err(error) = apply(&list, &["--dry-run=server", "--validate=strict"]) {
            refused.push(format!("{}: {error}", combination.name));
        }
    }
    // Negative control: the API server has to refuse this.
    let mut bad = render(&combinations[0].folder).only("Service").clone();
    bad["spec"]["type"] = json!("ClusterIP");
    bad["spec"]["loadBalancerClass"] = json!("service.k8s.aws/nlb");
    let error = apply(&bad, &["--dry-run=server"]).unwrap_err().to_string();

    cluster.undeploy();
    cluster.run(&[&["delete", "crd"][..], &DEFINITIONS].concat());
    assert!(error.contains("loadBalancerClass"), "{error}");
    assert!(combinations.len() > 30, "{}", combinations.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
