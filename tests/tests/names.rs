//! `ship render` with names, a host, tags and components from the command line. Needs kubectl, and no
//! cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use e2e::manifests::{Annotations, Schema, path_with_kubectl, repository, violations};
use e2e::program;
use serde_json::{Value, json};

const IMAGE: &str = "registry.example/app@sha256:\
    0000000000000000000000000000000000000000000000000000000000000000";
const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/1";

fn ship(overlay: &str, args: &[&str]) -> Output {
    Command::new(program("ship"))
        .args(["render", "--image", IMAGE, "--overlay"])
        .arg(format!("k8s/overlays/{overlay}"))
        .args(args)
        .env("PATH", path_with_kubectl())
        .current_dir(repository())
        .output()
        .unwrap()
}

#[track_caller]
fn render(overlay: &str, args: &[&str]) -> Vec<Value> {
    let output = ship(overlay, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[track_caller]
fn refused(overlay: &str, args: &[&str], message: &str) {
    let output = ship(overlay, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert!(stderr.contains(message), "{args:?}: {stderr}");
}

fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let object = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    object
}

/// Kind, namespace and name of each object except namespaces.
fn identities(objects: &[Value]) -> BTreeSet<String> {
    objects
        .iter()
        .filter(|object| object["kind"] != "Namespace")
        .map(|object| {
            let metadata = &object["metadata"];
            format!(
                "{} {} {}",
                object["kind"], metadata["namespace"], metadata["name"]
            )
        })
        .collect()
}

/// The name label in every selector.
fn selectors(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let is_selector = key == "matchLabels" || key == "selector" || key == "podSelector";
                if is_selector && child["app.kubernetes.io/name"].is_string() {
                    found.push(child["app.kubernetes.io/name"].clone());
                }
                selectors(child, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| selectors(item, found)),
        _ => {}
    }
}

const EVERYTHING: [(&str, &str); 3] = [
    ("local", "monitoring"),
    (
        "eks",
        "tls,spot-karpenter,storage-ebs,internal,dual-stack,monitoring",
    ),
    (
        "eks-auto",
        "tls,spot-auto,storage-ebs-auto,internal,dual-stack,monitoring",
    ),
];

/// The command line of a deployment with everything that its overlay offers.
fn arguments<'a>(overlay: &str, components: &'a str) -> Vec<&'a str> {
    let mut args = vec!["--component", components, "--cluster", "hello"];
    if overlay != "local" {
        args.extend(["--host", "hello.example.com", "--certificate", CERTIFICATE]);
    }
    args
}

#[test]
fn a_deployment_of_another_name_shares_nothing_with_the_first() {
    for (overlay, components) in EVERYTHING {
        let args = arguments(overlay, components);
        let first = render(overlay, &args);
        let shop = |namespace: &[&str]| {
            render(
                overlay,
                &[&args, &["--name", "shop"][..], namespace].concat(),
            )
        };
        for (other, namespace) in [
            (shop(&[]), "rust-app"),
            (shop(&["--namespace", "team-a"]), "team-a"),
        ] {
            assert_eq!(other.len(), first.len(), "{overlay}");
            assert!(
                identities(&first).is_disjoint(&identities(&other)),
                "{overlay}"
            );
            assert_eq!(only(&other, "Namespace")["metadata"]["name"], namespace);
            let mut found = Vec::new();
            for one in &other {
                selectors(one, &mut found);
            }
            assert!(found.len() >= 4, "{overlay}: {found:?}");
            assert!(
                found.iter().all(|name| name == "shop"),
                "{overlay}: {found:?}"
            );
            // Only the container, the image and names inside them keep their names.
            let text = Value::from(other.clone()).to_string();
            let text = text
                .replace("\"name\":\"rust-app\"", "")
                .replace("container=\\\"rust-app\\\"", "")
                .replace("rust-k8s-app", "")
                // The names of groups of rules, which are unique in a file.
                .replace("\"name\":\"rust-app-errors\"", "")
                .replace("\"name\":\"rust-app-alerts\"", "");
            let text = if namespace == "rust-app" {
                text.replace("\"namespace\":\"rust-app\"", "")
                    .replace("rust-app.shop", "")
                    .replace("rust-app/shop", "")
                    .replace("namespace=\\\"rust-app\\\"", "")
            } else {
                text
            };
            let left = text
                .find("rust-app")
                .map(|at| &text[at.saturating_sub(80)..]);
            assert!(left.is_none(), "{overlay}: {}", &left.unwrap()[..160]);
            for object in &other {
                assert_eq!(violations(object), [""; 0], "{overlay}");
            }
        }
        // In two namespaces, cluster-scoped objects differ too.
        let team = |namespace: &str| {
            render(
                overlay,
                &[&args, &["--name", "shop", "--namespace", namespace][..]].concat(),
            )
        };
        assert!(identities(&team("a")).is_disjoint(&identities(&team("b"))));
    }
}

#[test]
fn rendered_manifests_are_valid() {
    let schema = Schema::load(&repository().join("k8s/schemas/kubernetes-v1.36.json"));
    let list = std::fs::read_to_string(repository().join("k8s/annotations.txt")).unwrap();
    let annotations = Annotations::parse(&list);
    let custom = [
        "karpenter.k8s.aws_ec2nodeclasses",
        "karpenter.sh_nodepools",
        "monitoring.coreos.com_podmonitors",
        "monitoring.coreos.com_prometheusrules",
    ];
    let custom =
        custom.map(|file| Schema::of_crd(&repository().join(format!("k8s/schemas/{file}.yaml"))));
    let mut seen = BTreeSet::new();
    let name = "a".repeat(55);
    for (overlay, components) in EVERYTHING {
        let args = arguments(overlay, components);
        let more = [
            "--name",
            &name,
            "--namespace",
            "b",
            "--tags",
            "team=a,cost center=4",
        ];
        let objects = render(overlay, &[&args, &more[..]].concat());
        for object in objects {
            let api = object["apiVersion"].as_str().unwrap();
            let builtin = !api.contains('.') || api.contains(".k8s.io/");
            if builtin {
                assert_eq!(schema.check(&object), [], "{overlay}");
            } else if let Some(definition) = custom.iter().find(|schema| schema.knows(&object)) {
                assert_eq!(definition.check(&object), [], "{overlay}");
                seen.insert(object["kind"].to_string());
            }
            assert_eq!(annotations.check(&object), [], "{overlay}");
        }
    }
    assert_eq!(seen.len(), custom.len(), "{seen:?}");
}

#[test]
fn a_host_and_a_certificate_enable_tls() {
    let args = ["--host", "hello.example.com", "--certificate", CERTIFICATE];
    let key = |name: &str| format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
    let host = "external-dns.alpha.kubernetes.io/hostname";
    let objects = render("eks", &args);
    let service = only(&objects, "Service");
    let annotations = &service["metadata"]["annotations"];
    assert_eq!(annotations[host], "hello.example.com");
    assert_eq!(annotations[key("ssl-cert")], CERTIFICATE);
    assert_eq!(annotations[key("ssl-ports")], "443");
    assert_eq!(service["spec"]["ports"][0]["port"], 443);

    // A host alone is plain HTTP under that name.
    let objects = render("eks", &args[..2]);
    let service = only(&objects, "Service");
    assert_eq!(
        service["metadata"]["annotations"][host],
        "hello.example.com"
    );
    assert_eq!(service["spec"]["ports"][0]["port"], 80);

    // A certificate covers a name, and nothing terminates TLS on this machine.
    refused(
        "eks",
        &args[2..],
        "still contains the placeholder REPLACE-ME",
    );
    refused("local", &args, "offers no component `tls`");
}

/// Karpenter launches nodes into the named cluster; without its component, the name changes nothing.
#[test]
fn the_cluster_is_named_where_karpenter_needs_it() {
    let objects = render(
        "eks",
        &["--component", "spot-karpenter", "--cluster", "hello"],
    );
    let class = &only(&objects, "EC2NodeClass")["spec"];
    assert_eq!(class["role"], "KarpenterNodeRole-hello");
    let tags = &class["subnetSelectorTerms"][0]["tags"];
    assert_eq!(tags["alpha.eksctl.io/cluster-name"], "hello");
    let group = &class["securityGroupSelectorTerms"][0]["tags"];
    assert_eq!(group["aws:eks:cluster-name"], "hello");
    let output = |args: &[&str]| ship("eks", args).stdout;
    assert_eq!(output(&["--cluster", "hello"]), output(&[]));
}

#[test]
fn everything_that_aws_creates_is_tagged() {
    let args = [
        "--component",
        "storage-ebs",
        "--tags",
        "team=a,cost center=4",
    ];
    let objects = render("eks", &args);
    let service = &only(&objects, "Service")["metadata"]["annotations"];
    assert_eq!(
        service["service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags"],
        "team=a,cost center=4"
    );
    let class = &only(&objects, "StorageClass")["parameters"];
    assert_eq!(class["tagSpecification_1"], "team=a");
    assert_eq!(class["tagSpecification_2"], "cost center=4");
}

#[test]
fn values_that_kubernetes_or_aws_would_refuse_are_usage_errors() {
    for (args, message) in [
        (["--name", "Shop"], "at most 55 lowercase letters"),
        (["--namespace", "kube-system"], "reserved or shared"),
        (["--host", "localhost"], "expected a host name"),
        (["--certificate", "mine"], "expected a certificate's ARN"),
        (["--tags", "aws:x=1"], "reserve"),
        (
            ["--component", "spot-auto"],
            "offers no component `spot-auto`",
        ),
        (["--component", "alb-ingress"], "replaces the load balancer"),
        (
            ["--component", "spot-karpenter"],
            "still contains the placeholder REPLACE-ME",
        ),
    ] {
        refused("eks", &args, message);
    }
    let objects = render("eks", &["--component", "nlb"]);
    assert_eq!(
        only(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"],
        json!(IMAGE)
    );
}
