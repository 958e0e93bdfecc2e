use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Problem;
use super::classes::{ClassKind, Classes};
use super::facts::{Facts, Webhook};
use super::requirements::{GATE_LABEL, GATE_WEBHOOK, problems};

fn eks() -> Facts {
    Facts {
        server_version: "v1.36.2-eks-1a2b3c4".to_owned(),
        groups: ["apps", "elbv2.k8s.aws"].map(str::to_owned).into(),
        kinds: BTreeSet::new(),
        webhooks: Some(vec![Webhook {
            name: GATE_WEBHOOK.to_owned(),
            ignores_failures: false,
        }]),
        controller_available: Some(true),
        classes: classes(&[class("IngressClass", "alb"), class("StorageClass", "gp2")]),
        namespace_phase: None,
        may_deploy: Some(true),
    }
}

fn class(kind: &str, name: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": name}})
}

/// A cluster with these classes, volumes and claims.
fn classes(objects: &[Value]) -> Classes {
    let of = |kinds: &[&str]| {
        let found = objects
            .iter()
            .filter(|object| kinds.contains(&object["kind"].as_str().unwrap()));
        found.cloned().collect::<Vec<_>>()
    };
    let claims = of(&["PersistentVolumeClaim"]);
    let names = claims
        .iter()
        .map(|claim| claim["metadata"]["name"].as_str().unwrap());
    Classes {
        claims: names.map(str::to_owned).collect(),
        found: BTreeMap::from([
            (ClassKind::Ingress, Some(of(&["IngressClass"]))),
            (ClassKind::Priority, Some(of(&["PriorityClass"]))),
            (ClassKind::Runtime, Some(of(&["RuntimeClass"]))),
            (
                ClassKind::Storage,
                Some(of(&["StorageClass", "PersistentVolume"])),
            ),
        ]),
    }
}

fn objects() -> Vec<Value> {
    vec![
        json!({"kind": "Namespace", "metadata": {"labels": {GATE_LABEL: "enabled"}}}),
        json!({"kind": "Service", "spec": {"loadBalancerClass": "service.k8s.aws/nlb"}}),
        json!({"kind": "Ingress", "spec": {"ingressClassName": "alb"}}),
        json!({"kind": "StorageClass", "metadata": {"name": "own"}}),
        json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": "own"}}),
    ]
}

#[track_caller]
fn check(overlay: &str, facts: &Facts, expected: &[&str]) {
    let found = problems(overlay, &objects(), facts);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
    assert!(found.iter().all(|problem| !problem.hint().is_empty()));
}

#[test]
fn a_cluster_with_everything_has_no_problem() {
    check("eks", &eks(), &[]);
    check("my-overlay", &eks(), &[]);
}

#[test]
fn an_overlay_for_another_cluster_is_the_only_problem() {
    let local = Facts {
        server_version: "v1.36.3".to_owned(),
        ..Facts::default()
    };
    let expected = "the overlay is for Amazon EKS, and the cluster is v1.36.3";
    check("eks-auto", &local, &[expected]);
    let expected = "the overlay is for a cluster on this machine, and the cluster is \
                    v1.36.2-eks-1a2b3c4";
    check("local", &eks(), &[expected]);
}

#[test]
fn a_controller_that_does_not_run_is_reported() {
    let expected = "no controller creates load balancers of the class service.k8s.aws/nlb: the \
                    AWS Load Balancer Controller is not running";
    let unavailable = Facts {
        controller_available: Some(false),
        ..eks()
    };
    check("eks", &unavailable, &[expected]);
    let auto_mode = Facts {
        groups: ["eks.amazonaws.com".to_owned()].into(),
        webhooks: Some(Vec::new()),
        ..eks()
    };
    let gates = "nothing adds readiness gates to pods: the webhook of the AWS Load Balancer \
                 Controller is missing";
    check("eks", &auto_mode, &[expected, gates]);
}

/// The component `monitoring` on a cluster with only half of the operator's kinds, and Karpenter's on one
/// without Karpenter.
#[test]
fn custom_resources_without_a_definition_are_reported_with_how_to_install_them() {
    let of = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind});
    let monitoring = "monitoring.coreos.com/v1";
    let objects = [
        of("apps/v1", "Deployment"),
        of("networking.k8s.io/v1", "NetworkPolicy"),
        of(monitoring, "PodMonitor"),
        of(monitoring, "PrometheusRule"),
        of("karpenter.sh/v1", "NodePool"),
        of("karpenter.k8s.aws/v1", "EC2NodeClass"),
    ];
    let kind = |version: &str, kind: &str| (version.to_owned(), kind.to_owned());
    let mut facts = eks();
    facts.kinds.insert(kind(monitoring, "PodMonitor"));
    let found = problems("eks", &objects, &facts);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "the cluster has no EC2NodeClass of karpenter.k8s.aws/v1",
            "the cluster has no NodePool of karpenter.sh/v1",
            "the cluster has no PrometheusRule of monitoring.coreos.com/v1",
        ]
    );
    assert!(found.iter().all(Problem::is_fatal));
    assert!(found[1].hint().contains("install Karpenter"));
    assert!(found[2].hint().contains("kube-prometheus-stack"));

    facts.kinds.insert(kind(monitoring, "PrometheusRule"));
    facts.kinds.insert(kind("karpenter.sh/v1", "NodePool"));
    // Another version, as of an old Karpenter.
    facts
        .kinds
        .insert(kind("karpenter.k8s.aws/v1beta1", "EC2NodeClass"));
    assert_eq!(problems("eks", &objects, &facts).len(), 1);
    facts
        .kinds
        .insert(kind("karpenter.k8s.aws/v1", "EC2NodeClass"));
    assert_eq!(problems("eks", &objects, &facts), []);
}

#[test]
fn a_webhook_that_may_be_skipped_is_a_warning() {
    let mut facts = eks();
    for webhook in facts.webhooks.as_mut().unwrap() {
        webhook.ignores_failures = true;
    }
    assert_eq!(
        problems("eks", &objects(), &facts),
        [Problem::GatesMayBeSkipped]
    );
    assert!(!Problem::GatesMayBeSkipped.is_fatal());
}

#[test]
fn missing_classes_permissions_and_a_terminating_namespace_are_reported() {
    let facts = Facts {
        classes: classes(&[]),
        namespace_phase: Some("Terminating".to_owned()),
        may_deploy: Some(false),
        ..eks()
    };
    let expected = [
        "the namespace is being deleted",
        "the user is not permitted to change Deployments in the namespace",
        "there is no IngressClass alb",
    ];
    check("eks", &facts, &expected);
}

#[test]
fn unreadable_facts_are_not_reported_as_problems() {
    let facts = Facts {
        webhooks: None,
        controller_available: None,
        classes: Classes {
            found: [(ClassKind::Ingress, None), (ClassKind::Storage, None)].into(),
            claims: Vec::new(),
        },
        may_deploy: None,
        ..eks()
    };
    check("eks", &facts, &[]);
}

#[test]
fn every_object_that_names_a_class_is_checked() {
    let claim =
        |class: &str| json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": class}});
    let service = |class: &str| json!({"kind": "Service", "spec": {"loadBalancerClass": class}});
    let objects = [
        claim("gp2"),
        claim("gp3"),
        claim("fast"),
        claim(""),
        service("example.com/others"),
        service("service.k8s.aws/nlb"),
    ];
    let facts = Facts {
        controller_available: Some(false),
        ..eks()
    };
    let found = problems("eks", &objects, &facts);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "no controller creates load balancers of the class service.k8s.aws/nlb: the AWS Load \
             Balancer Controller is not running",
            "there is no StorageClass fast",
            "there is no StorageClass gp3",
        ]
    );
}

/// What the preflight finds on EKS with these classes, volumes and claims.
fn found(objects: &[Value], cluster: &[Value]) -> Vec<String> {
    let facts = Facts {
        classes: classes(cluster),
        ..eks()
    };
    let problems = problems("eks", objects, &facts);
    problems.iter().map(ToString::to_string).collect()
}

/// The objects in which public manifests refer to classes.
#[test]
fn classes_are_found_in_templates_and_in_custom_resources() {
    let claim =
        |class: &str| json!({"metadata": {"name": "data"}, "spec": {"storageClassName": class}});
    let template = |spec: Value| json!({"template": {"spec": spec}});
    let objects = [
        json!({"kind": "StatefulSet", "spec": {"volumeClaimTemplates": [claim("of-a-set")]}}),
        json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": template(json!({
            "priorityClassName": "urgent",
            "volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": claim("scratch")}}],
        }))}}}),
        json!({"kind": "Deployment", "spec": template(json!({"runtimeClassName": "gvisor"}))}),
        json!({"kind": "Pod", "spec": {"priorityClassName": "urgent"}}),
        json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
            "spec": {"storage": {"volumeClaimTemplate": claim("of-an-operator")}}}),
        // Patterns of a policy are not references.
        json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": {"rules": [{"validate": {"pattern":
            {"spec": {"volumeClaimTemplates": [claim("?*")], "template": {"spec": {"priorityClassName": "?*"}}}}}}]}}),
        json!({"kind": "ConfigMap", "data": {"storageClassName": "text"}}),
    ];
    let operators = [
        ("monitoring.coreos.com/v1", "Prometheus"),
        ("kyverno.io/v1", "ClusterPolicy"),
    ];
    let mut facts = eks();
    facts.classes = classes(&[]);
    for (version, kind) in operators {
        facts.kinds.insert((version.to_owned(), kind.to_owned()));
    }
    let found = problems("eks", &objects, &facts);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "there is no PriorityClass urgent",
            "there is no RuntimeClass gvisor",
            "there is no StorageClass of-a-set",
            "there is no StorageClass of-an-operator",
            "there is no StorageClass scratch",
        ]
    );
    assert!(found.iter().all(Problem::is_fatal));
}

/// As in <https://kubernetes.io/docs/tasks/configure-pod-container/configure-persistent-volume-storage/>.
#[test]
fn a_claim_may_name_the_class_of_a_volume() {
    let volume = json!({"kind": "PersistentVolume", "spec": {"storageClassName": "manual"}});
    let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"storageClassName": "manual"}});
    let none: [&str; 0] = [];
    assert_eq!(found(&[volume.clone(), claim.clone()], &[]), none);
    assert_eq!(found(std::slice::from_ref(&claim), &[volume]), none);
    let missing = ["there is no StorageClass manual"];
    assert_eq!(found(std::slice::from_ref(&claim), &[]), missing);
    let mut annotated = claim;
    annotated["spec"] = json!({});
    annotated["metadata"]["annotations"] =
        json!({"volume.beta.kubernetes.io/storage-class": "manual"});
    assert_eq!(found(&[annotated], &[]), missing);
}

#[test]
fn a_claim_without_a_class_needs_the_default_class_or_a_volume_without_one() {
    let claim = |name: &str, spec: Value| json!({"kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec});
    let template = |name: &str| json!([{"metadata": {"name": name}, "spec": {}}]);
    let scratch = json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    let objects = [
        claim("data", json!({})),
        claim("without", json!({"storageClassName": ""})),
        claim("bound", json!({"volumeName": "pv-1"})),
        json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"volumeClaimTemplates": template("wal")}}),
        json!({"kind": "Job", "metadata": {"name": "sort"}, "spec": {"template": {"spec": {"volumes": [scratch]}}}}),
    ];
    assert_eq!(
        found(&objects, &[]),
        [
            "there is no default StorageClass, and these claims name no class: data, wal of StatefulSet db, \
             a template of Job sort"
        ]
    );
    // Those that exist got a class when there was a default one. Others may have similar names.
    let existing = [
        claim("data", json!({})),
        claim("wal-db-0", json!({})),
        claim("wal-db-x", json!({})),
    ];
    assert_eq!(
        found(&objects, &existing),
        [
            "there is no default StorageClass, and these claims name no class: a template of Job sort"
        ]
    );
    let others = [claim("data-2", json!({})), claim("wal-db-x", json!({}))];
    assert!(found(&objects, &others)[0].contains("data, wal of StatefulSet db"));

    let default = json!({"kind": "StorageClass", "metadata": {
        "name": "gp3",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }});
    for served in [default, json!({"kind": "PersistentVolume", "spec": {}})] {
        let none: [&str; 0] = [];
        assert_eq!(found(&objects, std::slice::from_ref(&served)), none);
        assert_eq!(found(&[&objects[..], &[served]].concat(), &[]), none);
    }
}
