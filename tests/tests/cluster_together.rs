//! Several deployments on one cluster, the permissions of deployers, and `GitOps`: behind Network Load
//! Balancers whose controller is simulated by [`e2e::lb_controller`] on a real Kubernetes.
//!
//! Needs the cluster that `dev/cluster/run` starts on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use e2e::cluster::{Cluster, NAMESPACE};
use e2e::lb::Scale;
use e2e::lb_controller::{Controller, Kind, Times};
use e2e::manifests::repository;
use serde_json::Value;
use ship::{Losses, under_load};

/// Requests a second, to each deployment.
const RATE: u32 = 250;
/// The CRDs that the Prometheus operator installs.
const MONITORING: [(&str, &str); 2] = [
    (
        "podmonitors.monitoring.coreos.com",
        include_str!("../../k8s/schemas/monitoring.coreos.com_podmonitors.yaml"),
    ),
    (
        "prometheusrules.monitoring.coreos.com",
        include_str!("../../k8s/schemas/monitoring.coreos.com_prometheusrules.yaml"),
    ),
];
/// The second deployment: another name and namespace, and an internal load balancer, which the test
/// reaches as if it were inside the VPC.
const SHOP: [&str; 5] = [
    "OVERLAY=eks",
    "NAME=shop",
    "NAMESPACE=team-a",
    "COMPONENTS=monitoring,internal",
    "TEST_FROM=here",
];
const FIRST: [&str; 2] = ["OVERLAY=eks", "COMPONENTS=monitoring"];

/// AWS's times, 60 times faster, except the lag that pods wait for in real time.
fn times() -> Times {
    Times {
        deregistration_lag: Duration::from_mins(2),
        ..Times::scaled(Scale(60))
    }
}

#[track_caller]
fn contains(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
}

fn install_monitoring(cluster: &Cluster) {
    for (name, definition) in MONITORING {
        cluster.kubectl.apply(definition, &[]).unwrap();
        let wait = ["wait", "--for=condition=Established"];
        cluster.run(&[&wait[..], &[&format!("crd/{name}")]].concat());
    }
}

fn remove_monitoring(cluster: &Cluster) {
    for (name, _) in MONITORING {
        cluster.run(&["delete", "crd", name, "--ignore-not-found"]);
    }
}

/// Removes both deployments, also those of a test that failed.
fn remove(cluster: &Cluster) {
    for (namespace, settings) in [("team-a", &SHOP[..4]), (NAMESPACE, &FIRST[..])] {
        cluster.kill_draining(namespace);
        let settings = [settings, &["DELETE_DATA=1"]].concat();
        cluster.make("undeploy", &settings).succeeded();
    }
}

/// The address of a deployment's load balancer, by its URL.
fn address(controller: &Controller, url: &str) -> SocketAddr {
    let host = url
        .trim()
        .trim_start_matches("http://")
        .trim_end_matches('/');
    controller
        .address(host)
        .unwrap_or_else(|| panic!("no load balancer {host}"))
}

/// The pods of a namespace that are not being deleted.
fn pods(cluster: &Cluster, namespace: &str) -> BTreeSet<String> {
    let list = cluster
        .kubectl
        .json(&["get", "pods", "-n", namespace])
        .unwrap();
    let pods = list["items"].as_array().into_iter().flatten();
    let pods = pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods.map(|pod| pod["metadata"]["uid"].to_string()).collect()
}

/// Runs `work` under load on both addresses, and returns the losses at each.
fn both_under_load<T>(addresses: [SocketAddr; 2], work: impl FnOnce() -> T) -> (T, [Losses; 2]) {
    let [first, second] = addresses;
    let (inner, outer) = under_load(first, RATE, |_| under_load(second, RATE, |_| work())).unwrap();
    let (outcome, second) = inner.unwrap();
    (outcome, [outer, second])
}

#[track_caller]
fn nothing_is_lost(losses: &[Losses], what: &str) {
    for losses in losses {
        println!(
            "{what}\nkept-alive: {}\none-shot: {}",
            losses.kept, losses.one_shot
        );
        assert_eq!(
            losses.failed(),
            0,
            "{what}: {}\n{}",
            losses.kept,
            losses.one_shot
        );
    }
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn two_deployments_share_a_cluster_and_neither_disturbs_the_other() {
    let mut cluster = Cluster::connect_as_eks();
    remove(&cluster);
    remove_monitoring(&cluster);
    let controller = cluster.start_controller(Kind::Controller, times(), BTreeMap::new());

    // Without the operator's definitions, a deploy is refused before it builds anything.
    for target in ["preflight", "deploy"] {
        let refused = cluster.make(target, &FIRST);
        assert_ne!(refused.code, Some(0), "{target}");
        contains(
            &refused.stderr,
            &[
                "the cluster has no PodMonitor and no PrometheusRule of monitoring.coreos.com/v1",
                "hint: install the Prometheus operator",
            ],
        );
        assert!(!refused.stderr.contains("Building"), "{}", refused.stderr);
    }
    install_monitoring(&cluster);

    let (url, _) = cluster.make("deploy", &FIRST).succeeded();
    let (shop_url, _) = cluster.make("deploy", &SHOP).succeeded();
    assert_ne!(url, shop_url);
    let addresses = [address(&controller, &url), address(&controller, &shop_url)];
    for (namespace, name) in [(NAMESPACE, "rust-app"), ("team-a", "shop")] {
        let kinds = "podmonitors,prometheusrules,configmaps,services,horizontalpodautoscalers";
        let there = cluster.run(&["get", kinds, "-n", namespace, "-o=name"]);
        for kind in [
            &format!("podmonitor.monitoring.coreos.com/{name}"),
            &format!("prometheusrule.monitoring.coreos.com/{name}"),
            &format!("configmap/{name}-dashboard"),
            &format!("service/{name}-service"),
        ] {
            contains(&there, &[kind]);
        }
    }
    let scheme =
        "{.metadata.annotations.service\\.beta\\.kubernetes\\.io/aws-load-balancer-scheme}";
    let scheme = format!("-o=jsonpath={scheme}");
    assert_eq!(
        cluster.run(&["get", "service", "shop-service", "-n", "team-a", &scheme]),
        "internal"
    );

    let image = format!("IMAGE={}", cluster.version("86400"));
    for (updated, kept, settings) in [
        ("team-a", NAMESPACE, &SHOP[..]),
        (NAMESPACE, "team-a", &FIRST[..]),
    ] {
        let (replaced, left_alone) = (pods(&cluster, updated), pods(&cluster, kept));
        let settings = [settings, &[&image]].concat();
        let (deployed, losses) = both_under_load(addresses, || cluster.make("deploy", &settings));
        let (_, printed) = deployed.succeeded();
        contains(
            &printed,
            &["Rolled out revision 2 to 3 pods", "Smoke tests passed"],
        );
        nothing_is_lost(&losses, &format!("{updated} was rolled out"));
        assert!(
            pods(&cluster, updated).is_disjoint(&replaced),
            "{updated} has new pods"
        );
        assert_eq!(pods(&cluster, kept), left_alone, "{kept} keeps its own");
    }

    // Removing one does not disturb the other.
    let left_alone = pods(&cluster, NAMESPACE);
    cluster.kill_draining("team-a");
    let (removed, losses) =
        under_load(addresses[0], RATE, |_| cluster.make("undeploy", &SHOP[..4])).unwrap();
    removed.succeeded();
    nothing_is_lost(&[losses], "team-a was removed");
    assert_eq!(pods(&cluster, NAMESPACE), left_alone);
    let namespaces = cluster.run(&["get", "namespaces", "-o=name"]);
    assert!(!namespaces.contains("team-a"), "{namespaces}");
    remove(&cluster);
    remove_monitoring(&cluster);
}

/// `k8s/iam/deployer-role.yaml` allows what the commands need, and denies what its comments list as denied.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn the_deployer_role_is_sufficient_and_minimal() {
    let mut cluster = Cluster::connect_as_eks();
    remove(&cluster);
    install_monitoring(&cluster);
    let _controller = cluster.start_controller(Kind::Controller, times(), BTreeMap::new());
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deployer");
    let role = repository().join("k8s/iam/deployer-role.yaml");
    let role = std::fs::read_to_string(role).unwrap();
    let components = "COMPONENTS=monitoring,storage-ebs";
    let settings = ["OVERLAY=eks", "COMPONENTS=monitoring"];

    cluster.act_as("ci", "deployers", &scratch);
    let refused = cluster.make("deploy", &settings);
    assert_ne!(
        refused.code,
        Some(0),
        "without the role: {}",
        refused.stderr
    );
    contains(
        &refused.stderr,
        &["the user is not permitted to change Deployments in the namespace"],
    );

    cluster.kubectl.apply(&role, &[]).unwrap();
    for target in ["preflight", "deploy", "status", "smoke", "diff"] {
        let (printed, _) = cluster.make(target, &settings).succeeded();
        if target == "diff" {
            assert_eq!(printed, "");
        }
    }
    // The objects of each component, and of a deployment with another name and namespace.
    for more in [
        &["OVERLAY=eks", components][..],
        &[
            "OVERLAY=eks",
            "NAME=shop",
            "NAMESPACE=team-a",
            "COMPONENTS=monitoring",
        ],
    ] {
        let image = format!(
            "IMAGE={}",
            cluster.field(".spec.template.spec.containers[0].image")
        );
        let diff = [more, &[&image]].concat();
        let rendered = cluster.make("render", &diff).succeeded().0;
        for object in serde_saphyr::from_multiple::<Value>(&rendered).unwrap() {
            for verb in ["get", "create", "patch", "delete"] {
                assert_eq!(
                    may(&cluster, verb, &object),
                    "yes",
                    "{verb} {}",
                    object["kind"]
                );
            }
        }
    }
    // What the checks before a deploy read.
    for resource in [
        "ingressclasses",
        "mutatingwebhookconfigurations",
        "persistentvolumes",
        "priorityclasses",
        "runtimeclasses",
        "storageclasses",
    ] {
        let asked = [
            "auth",
            "can-i",
            "list",
            resource,
            "--as=ci",
            "--as-group=deployers",
        ];
        cluster.accepts(&asked).unwrap();
    }
    for (verb, resource) in [
        ("get", "secrets"),
        ("create", "clusterroles"),
        ("patch", "nodes"),
        ("create", "mutatingwebhookconfigurations"),
    ] {
        let asked = ["auth", "can-i", verb, resource, "-n", NAMESPACE];
        let as_deployer = ["--as=ci", "--as-group=deployers"];
        let allowed = cluster.accepts(&[&asked[..], &as_deployer].concat());
        assert!(allowed.is_err(), "{verb} {resource}");
    }
    cluster.kill_draining(NAMESPACE);
    cluster.make("undeploy", &settings).succeeded();
    cluster.act_as_administrator();
    cluster.run(&[
        "delete",
        "clusterrole,clusterrolebinding",
        "rust-k8s-app-deployer",
    ]);
    remove(&cluster);
    remove_monitoring(&cluster);
}

/// Whether a deployer may do something to an object.
fn may(cluster: &Cluster, verb: &str, object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let mut plural = text(&object["kind"]).to_lowercase();
    plural = match plural.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if plural.ends_with('s') => format!("{plural}es"),
        None => format!("{plural}s"),
    };
    let resource = if group.is_empty() {
        plural
    } else {
        format!("{plural}.{group}")
    };
    let namespace = text(&object["metadata"]["namespace"]);
    let mut asked = vec![
        "auth",
        "can-i",
        verb,
        &resource,
        "--as=ci",
        "--as-group=deployers",
    ];
    if !namespace.is_empty() {
        asked.extend(["-n", &namespace]);
    }
    match cluster.kubectl.run(&asked) {
        Ok(answer) => answer.trim().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Applied in the order of docs/gitops.md, as by Argo CD and Flux, the first pods get their readiness gates.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn gitops_in_two_steps_gates_the_first_pods() {
    let mut cluster = Cluster::connect_as_eks();
    remove(&cluster);
    let controller = cluster.start_controller(Kind::Controller, times(), BTreeMap::new());
    let settings = ["OVERLAY=eks", "COMPONENTS=gitops"];
    let (rendered, _) = cluster.make("render", &settings).succeeded();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).unwrap();
    let wave = "argocd.argoproj.io/sync-wave";
    let (pods, balancer): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object["metadata"]["annotations"][wave] == "1");
    let apply = |objects: &[Value]| {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        cluster.kubectl.apply(&list.to_string(), &[]).unwrap();
    };
    apply(&balancer);
    let host = || cluster.host("service", "rust-app-service");
    cluster.wait_until("the Service has an address", || !host().is_empty());
    apply(&pods);
    cluster.wait_for_rollout();
    for pod in cluster.pods() {
        let gates = pod["spec"]["readinessGates"].as_array();
        assert_eq!(gates.map(Vec::len), Some(1), "{pod:#}");
    }
    assert!(controller.address(&host()).is_some());
    let (_, printed) = cluster.make("smoke", &settings).succeeded();
    contains(&printed, &["Smoke tests passed in "]);
    let (diff, _) = cluster.make("diff", &settings).succeeded();
    assert_eq!(diff, "", "a deploy would change nothing");

    // The settings name a component whose kinds were removed with their operator.
    cluster.kill_draining(NAMESPACE);
    let (_, printed) = cluster.make("undeploy", &FIRST).succeeded();
    for kind in ["PodMonitor", "PrometheusRule"] {
        let version = "monitoring.coreos.com/v1";
        contains(
            &printed,
            &[&format!("the cluster has no {kind} of {version}")],
        );
    }
    assert!(cluster.pods().is_empty());
}
