//! The manifests under `k8s/`, as kustomize renders them. Needs kubectl, and no cluster.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use e2e::manifests::{Annotations, BadAnnotation, Rendered, Schema, render, violations};
use e2e::program;
use serde_json::{Value, json};

const VERSIONS: [&str; 3] = ["kubernetes-v1.34", "kubernetes-v1.35", "kubernetes-v1.36"];

fn k8s() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s")
}

/// Rendered once for all tests.
static COMBINED: LazyLock<Vec<(String, Rendered)>> = LazyLock::new(|| {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    let mut all = vec![("base".to_owned(), render(&k8s().join("base")))];
    for combination in e2e::manifests::combinations(&scratch) {
        all.push((combination.name, render(&combination.folder)));
    }
    all
});

fn combinations() -> &'static [(String, Rendered)] {
    &COMBINED
}

fn seconds(text: &str) -> u64 {
    text.strip_suffix('s')
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| {
            panic!("`{text}` is not in whole seconds, which is how the manifests state times")
        })
}

#[test]
fn every_combination_is_valid_in_three_versions_of_kubernetes() {
    for version in VERSIONS {
        let schema = Schema::load(&k8s().join(format!("schemas/{version}.json")));
        for (name, rendered) in combinations() {
            // AWS's own kinds have no schema here; `make e2e` has an API server validate them. Karpenter's
            // and the Prometheus operator's have tests of their own.
            let foreign = [
                "eks.amazonaws.com/v1",
                "karpenter.k8s.aws/v1",
                "karpenter.sh/v1",
                "monitoring.coreos.com/v1",
            ];
            let ours = |object: &&Value| foreign.iter().all(|api| object["apiVersion"] != *api);
            for object in rendered.objects().iter().filter(ours) {
                let violations = schema.check(object);
                assert!(
                    violations.is_empty(),
                    "{version}, {name}: {}",
                    violations[0]
                );
            }
        }
    }
}

#[test]
fn every_combination_satisfies_the_rules_beyond_the_schemas() {
    for (name, rendered) in combinations() {
        for object in rendered.objects() {
            assert_eq!(violations(object), [""; 0], "{name}");
        }
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
        // An ALB redirects port 80; an NLB serves one port.
        let is_alb = name.contains("+alb-ingress");
        let balancer = if is_alb {
            rendered.only("Ingress")
        } else {
            service
        };
        let https = service["spec"]["ports"][0]["port"] == 443;
        assert_eq!(https, tls && !is_alb, "{name}");
        let annotations = &balancer["metadata"]["annotations"];
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
fn the_load_balancer_is_internal_or_has_ipv6_where_that_is_chosen() {
    let mut seen = BTreeSet::new();
    for (name, rendered) in combinations() {
        if !name.starts_with("eks") {
            continue;
        }
        let is_alb = name.contains("+alb-ingress");
        let (balancer, prefix) = if is_alb {
            (rendered.only("Ingress"), "alb.ingress.kubernetes.io/")
        } else {
            let prefix = "service.beta.kubernetes.io/aws-load-balancer-";
            (rendered.only("Service"), prefix)
        };
        let annotation = |key: &str| &balancer["metadata"]["annotations"][format!("{prefix}{key}")];
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
        let is_alb = name.contains("+alb-ingress");
        let (kind, prefix, attributes) = if is_alb {
            (
                "Ingress",
                "alb.ingress.kubernetes.io/",
                "load-balancer-attributes",
            )
        } else {
            let prefix = "service.beta.kubernetes.io/aws-load-balancer-";
            ("Service", prefix, "attributes")
        };
        let annotations = &rendered.only(kind)["metadata"]["annotations"];
        let list = |key: &str| annotations[format!("{prefix}{key}")].as_str().unwrap();
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
fn the_schemas_refuse_what_the_api_server_would() {
    let deployment = render(&k8s().join("base")).only("Deployment").clone();
    let pointer = "/spec/template/spec/containers/0";
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut object = deployment.clone();
        change(
            object
                .pointer_mut(pointer)
                .expect("the base has a container"),
        );
        object
    };
    for version in VERSIONS {
        let schema = Schema::load(&k8s().join(format!("schemas/{version}.json")));
        let places = |object: &Value| {
            schema
                .check(object)
                .into_iter()
                .map(|found| found.place)
                .collect::<Vec<_>>()
        };
        assert_eq!(places(&deployment), [""; 0]);
        let misspelled = broken(&|container| container["readinesProbe"] = json!({}));
        assert_eq!(places(&misspelled), [pointer]);
        let wrong_type =
            broken(&|container| container["ports"][0]["containerPort"] = json!("5000"));
        assert_eq!(
            places(&wrong_type),
            [format!("{pointer}/ports/0/containerPort")]
        );
        let missing = broken(&|container| container["name"].take().as_str().map_or((), |_| ()));
        assert_eq!(places(&missing), [format!("{pointer}/name")]);
        assert_eq!(
            places(&json!({"apiVersion": "apps/v1", "kind": "Deploymint"})),
            ["/kind"]
        );
    }
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

/// The drain and the requests in flight end before the kubelet's SIGKILL, with time to flush and exit, and
/// no load balancer drops a target that still answers.
#[test]
fn the_drain_fits_into_the_grace_period() {
    for (name, rendered) in combinations() {
        let pod = &rendered.only("Deployment")["spec"]["template"]["spec"];
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        let delay = seconds(
            rendered
                .setting("APP_DRAIN_DELAY")
                .expect("stated in the base"),
        );
        let deadline = seconds(
            rendered
                .setting("APP_DRAIN_DEADLINE")
                .expect("stated in the base"),
        );
        assert!(
            delay + deadline + 10 <= grace,
            "{name}: {delay} + {deadline} + 10 > {grace}"
        );
        let annotations = &rendered.only("Service")["metadata"]["annotations"];
        let attributes = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes";
        if let Some(attributes) = annotations[attributes].as_str() {
            // An NLB needs about two minutes to stop sending; Spot gives no more than two.
            let least = if name.contains("spot") { 70 } else { 120 };
            assert!(delay >= least, "{name}: {delay} s is too short for an NLB");
            let deregistration = attributes
                .split(',')
                .find_map(|one| one.strip_prefix("deregistration_delay.timeout_seconds="))
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap();
            assert!(
                deregistration >= delay + deadline,
                "{name}: deregistered while it answers"
            );
        }
        if name.contains("spot") {
            assert!(grace <= 120, "{name}: a Spot notice is 120 s");
        }
    }
}

/// A percentage of a number of pods as Kubernetes rounds a surge and a disruption budget: up.
fn percentage_of(value: &Value, pods: u64) -> u64 {
    let text = value.as_str().unwrap_or("");
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<u64>().ok());
    match (percent, value.as_u64()) {
        (Some(percent), _) => (pods * percent).div_ceil(100),
        (None, Some(number)) => number,
        (None, None) => panic!("`{value}` is neither a number nor a percentage"),
    }
}

#[test]
fn a_rollout_never_goes_below_the_desired_number_and_is_done_in_time() {
    for (name, rendered) in combinations() {
        let spec = &rendered.only("Deployment")["spec"];
        let rolling = &spec["strategy"]["rollingUpdate"];
        assert_eq!(rolling["maxUnavailable"], 0, "{name}");
        let autoscaler = &rendered.only("HorizontalPodAutoscaler")["spec"];
        assert_eq!(autoscaler["minReplicas"], 3, "{name}");
        let most = autoscaler["maxReplicas"].as_u64().unwrap();
        // A target of an NLB becomes healthy after 4 minutes at worst.
        let surge = percentage_of(&rolling["maxSurge"], most);
        assert!(
            most.div_ceil(surge) * 4 <= 20,
            "{name}: a rollout takes too long"
        );
        // EKS waits 15 minutes for a node's pods to be evicted. Each batch is replaced, registered
        // and drained for up to 5 minutes; 3 nodes share the pods.
        let budget = &rendered.only("PodDisruptionBudget")["spec"]["maxUnavailable"];
        let batches = most.div_ceil(3).div_ceil(percentage_of(budget, most));
        assert!(batches * 5 < 15, "{name}: a node's drain takes too long");
        // On EKS, the autoscaler sets the number of pods.
        if name.starts_with("eks") {
            assert!(spec["minReadySeconds"].as_u64() >= Some(10), "{name}");
            assert!(
                spec["progressDeadlineSeconds"].as_u64() >= Some(600),
                "{name}"
            );
            assert_eq!(spec["replicas"], Value::Null, "{name}");
            let labels = rendered.only("Namespace")["metadata"]["labels"]
                .as_object()
                .unwrap();
            let gates = labels
                .iter()
                .filter(|(key, _)| key.ends_with("/pod-readiness-gate-inject"));
            assert_eq!(
                gates.map(|(_, value)| value).collect::<Vec<_>>(),
                ["enabled"],
                "{name}"
            );
        } else {
            assert_eq!(spec["replicas"], 3, "{name}");
        }
    }
}

#[test]
fn labels_ports_and_health_checks_match() {
    for (name, rendered) in combinations() {
        let deployment = &rendered.only("Deployment")["spec"];
        let labels = &deployment["template"]["metadata"]["labels"];
        let service = rendered.only("Service");
        let selectors = [
            &deployment["selector"]["matchLabels"],
            &service["spec"]["selector"],
            &rendered.only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            &rendered.only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        ];
        for selector in selectors {
            assert_eq!(selector, labels, "{name}");
        }
        let container = rendered.container();
        let public = &container["ports"][0]["containerPort"];
        for port in service["spec"]["ports"].as_array().unwrap() {
            assert_eq!(&port["targetPort"], public, "{name}");
        }
        assert_eq!(
            service["spec"]["ports"].as_array().unwrap().len(),
            1,
            "{name}"
        );

        // The load balancer checks liveness, which stays green while draining, never readiness.
        let alive = &container["livenessProbe"]["httpGet"];
        let ready = &container["readinessProbe"]["httpGet"];
        assert_ne!(alive["path"], ready["path"]);
        let key = |suffix| format!("service.beta.kubernetes.io/aws-load-balancer-{suffix}");
        let annotations = &service["metadata"]["annotations"];
        if annotations[key("scheme")].is_string() {
            assert_eq!(
                annotations[key("healthcheck-path")],
                alive["path"],
                "{name}"
            );
            let port = annotations[key("healthcheck-port")].as_str().unwrap();
            assert_eq!(port, public.to_string(), "{name}");
        }
    }
}

/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>
#[test]
fn pods_meet_the_restricted_profile_and_the_namespace_enforces_it() {
    for (name, rendered) in combinations() {
        let labels = &rendered.only("Namespace")["metadata"]["labels"];
        assert_eq!(
            labels["pod-security.kubernetes.io/enforce"], "restricted",
            "{name}"
        );
        let pod = &rendered.only("Deployment")["spec"]["template"]["spec"];
        for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(pod[forbidden], Value::Null, "{name}");
        }
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{name}");
        assert_eq!(context["runAsUser"], 65532, "{name}");
        assert_eq!(
            context["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert_eq!(volume["hostPath"], Value::Null, "{name}");
        }
        let context = &rendered.container()["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
    }
}

#[test]
fn the_service_has_every_setting_that_the_manifests_set() {
    let help = Command::new(program("rust-k8s-app"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known = |name: &str| {
        help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|w| w == name)
    };
    assert!(!known("APP_NO_SUCH_SETTING"));
    for (combination, rendered) in combinations() {
        for variable in rendered.container()["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            assert!(
                known(name),
                "{combination}: {name} is in no line of `rust-k8s-app --help`"
            );
        }
    }
}

#[test]
fn the_clusters_are_valid_for_eksctl() {
    let schema = Schema::load(&k8s().join("schemas/eksctl.json"));
    for file in ["cluster.yaml", "cluster-auto.yaml"] {
        let text = std::fs::read_to_string(k8s().join(file)).unwrap();
        let cluster: Value = serde_saphyr::from_str(&text).unwrap();
        let violations = schema.check(&cluster);
        assert!(violations.is_empty(), "{file}: {}", violations[0]);
        // Otherwise an hour of the control plane costs six times as much once standard support ends.
        assert_eq!(
            cluster["upgradePolicy"]["supportType"], "STANDARD",
            "{file}"
        );

        assert_eq!(cluster["zonalShiftConfig"]["enabled"], true, "{file}");
        assert_eq!(
            cluster["accessConfig"]["authenticationMode"], "API",
            "{file}"
        );
        // The newest version that the manifests are tested with.
        let version = cluster["metadata"]["version"].as_str().unwrap();
        let newest = VERSIONS[VERSIONS.len() - 1];
        assert_eq!(format!("kubernetes-v{version}"), newest, "{file}");

        let mut misspelled = cluster.clone();
        misspelled["vpc"]["natt"] = json!({});
        assert_eq!(schema.check(&misspelled).len(), 1, "{file}");
        let mut wrong_type = cluster;
        wrong_type["metadata"]["version"] = json!(1.35);
        assert_eq!(schema.check(&wrong_type).len(), 1, "{file}");
    }
}

/// The pod of `make node-ps` has the permissions of the `DaemonSet`'s pods, and only fields that the API
/// server knows.
#[test]
fn both_ways_to_inspect_a_node_have_the_same_rights() {
    let folder = k8s().join("node-inspector");
    let rendered = render(&folder);
    let text = std::fs::read_to_string(folder.join("pod.yaml")).unwrap();
    let pod: Value = serde_saphyr::from_str(&text).unwrap();
    for version in VERSIONS {
        let schema = Schema::load(&k8s().join(format!("schemas/{version}.json")));
        for object in rendered.objects() {
            let violations = schema.check(object);
            assert!(violations.is_empty(), "{version}: {}", violations[0]);
        }
    }
    let mut one = pod["spec"].clone();
    let mut all = rendered.only("DaemonSet")["spec"]["template"]["spec"].clone();
    // The differences between one call and a permanent pod.
    for field in ["nodeName", "restartPolicy", "serviceAccountName"] {
        one[field].take();
        all[field].take();
    }
    for field in ["args", "env", "livenessProbe"] {
        one["containers"][0][field].take();
        all["containers"][0][field].take();
    }
    assert_eq!(one, all);
}

/// The node pools, validated by Karpenter's CRD, which Auto Mode uses as well.
#[test]
fn a_node_pool_is_valid_and_matches_the_pods_tolerations_and_affinity() {
    let schema = Schema::of_crd(&k8s().join("schemas/karpenter.sh_nodepools.yaml"));
    for component in ["spot-auto", "spot-karpenter"] {
        let mut with_pool = combinations().iter();
        let with_pool = with_pool.find(|(name, _)| name.contains(component));
        let (_, rendered) = with_pool.unwrap();
        let pool = rendered.only("NodePool");
        assert_eq!(schema.check(pool), []);
        let mut wrong = pool.clone();
        wrong["spec"]["template"]["spec"]["requirements"][0]["operator"] = json!("Is");
        wrong["spec"]["template"]["spec"]["expireafter"] = json!("1h");
        assert_eq!(schema.check(&wrong).len(), 2);

        let node = &pool["spec"]["template"]["spec"];
        let pod = &rendered.only("Deployment")["spec"]["template"]["spec"];
        let taint = &node["taints"][0];
        let tolerations = pod["tolerations"].as_array().unwrap();
        let tolerated = tolerations.iter().any(|toleration| {
            ["key", "value", "effect"]
                .iter()
                .all(|field| toleration[field] == taint[field])
        });
        assert!(tolerated, "{taint} is not among {tolerations:?}");
        let preferred = pod["affinity"]["nodeAffinity"].to_string();
        let capacity = &node["requirements"][0];
        assert!(
            preferred.contains(capacity["key"].as_str().unwrap()),
            "{preferred}"
        );
        assert_eq!(capacity["values"], json!(["spot"]));
    }
}

/// The objects of third-party operators, validated by their published CRDs.
#[test]
fn custom_resources_are_valid() {
    for (file, kind, component) in [
        (
            "karpenter.k8s.aws_ec2nodeclasses",
            "EC2NodeClass",
            "spot-karpenter",
        ),
        (
            "monitoring.coreos.com_podmonitors",
            "PodMonitor",
            "monitoring",
        ),
        (
            "monitoring.coreos.com_prometheusrules",
            "PrometheusRule",
            "monitoring",
        ),
    ] {
        let schema = Schema::of_crd(&k8s().join(format!("schemas/{file}.yaml")));
        let mut seen = 0;
        for (name, rendered) in combinations() {
            if !name.split('+').any(|one| one == component) {
                continue;
            }
            let object = rendered.only(kind);
            assert_eq!(schema.check(object), [], "{name}");
            let mut misspelled = object.clone();
            misspelled["spec"]["misspelled"] = json!(1);
            assert_eq!(schema.check(&misspelled).len(), 1, "{name}: {kind}");
            seen += 1;
        }
        assert!(seen > 0, "{kind}");
    }
}
