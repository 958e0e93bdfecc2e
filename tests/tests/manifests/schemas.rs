//! The published schemas of Kubernetes, of third-party operators and of eksctl.

use e2e::manifests::{Schema, render, violations};
use serde_json::{Value, json};

use super::{VERSIONS, combinations, k8s};

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
fn every_combination_satisfies_the_rules_beyond_the_schemas() {
    for (name, rendered) in combinations() {
        for object in rendered.objects() {
            assert_eq!(violations(object), [""; 0], "{name}");
        }
    }
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
