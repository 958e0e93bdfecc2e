//! Pods: labels, ports, security and settings.

use std::process::Command;

use e2e::manifests::{Schema, render};
use e2e::program;
use serde_json::{Value, json};

use super::{VERSIONS, combinations, k8s};

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
