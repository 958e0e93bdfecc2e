//! What is accepted and what is refused: the table in `manifests/validation.yaml`, and manifests as
//! public projects write them. The `e2e` crate compares the table's other column with a real API
//! server.

use std::path::PathBuf;

use cli::input::Input;
use nodectl::manifest::{check, parse};
#[allow(dead_code, reason = "the e2e crate uses the rest")]
#[path = "manifests/cases.rs"]
mod cases;

use cases::cases;

/// Reads and checks a manifest; the warnings, or the error.
fn judge(text: &str) -> Result<(usize, Vec<String>), String> {
    let input = Input {
        origin: "test".to_owned(),
        text: text.to_owned(),
    };
    let objects = parse(&[input]).map_err(|error| error.to_string())?;
    let (desired, warnings) = check(&objects).map_err(|error| error.to_string())?;
    let all = objects.warnings.iter().chain(&warnings);
    let warnings = all.map(|warning| warning.0.clone()).collect();
    Ok((desired.deployments.len(), warnings))
}

#[test]
fn the_table_holds() {
    let cases = cases();
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in cases {
        let [deployment, service] = &case.objects;
        let outcome = judge(&format!("{deployment}\n---\n{service}\n"));
        if outcome.is_ok() != case.nodectl {
            wrong.push(format!("{}: {outcome:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks a manifest of `manifests/public`.
#[track_caller]
fn public(name: &str, expected: Result<(usize, &[&str]), &[&str]>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/manifests/public")
        .join(name);
    let text = std::fs::read_to_string(path).expect("the manifest is there");
    match (judge(&text), expected) {
        (Ok((deployments, warnings)), Ok((expected, parts))) => {
            assert_eq!(deployments, expected);
            assert_eq!(warnings.len(), parts.len(), "{warnings:#?}");
            for (warning, part) in warnings.iter().zip(parts) {
                assert!(warning.contains(part), "`{part}` is not in: {warning}");
            }
        }
        (Err(error), Err(parts)) => {
            for part in parts {
                assert!(error.contains(part), "`{part}` is not in: {error}");
            }
        }
        (outcome, _) => panic!("{outcome:#?}"),
    }
}

#[test]
fn a_guestbook_runs_without_a_warning() {
    public("guestbook.yaml", Ok((3, &[])));
}

#[test]
fn bookinfo_runs_and_its_service_accounts_are_ignored() {
    public(
        "bookinfo.yaml",
        Ok((
            4,
            &[
                "ServiceAccount `bookinfo-details` is ignored",
                "ServiceAccount `bookinfo-reviews` is ignored",
            ],
        )),
    );
}

#[test]
fn podinfo_runs_with_its_probes_by_command() {
    public(
        "podinfo.yaml",
        Ok((1, &["HorizontalPodAutoscaler `podinfo` is ignored"])),
    );
}

#[test]
fn a_boutique_is_refused_for_its_init_container_alone() {
    public(
        "boutique.yaml",
        Err(&[
            "Deployment `loadgenerator`: spec.template.spec.initContainers: init containers are not \
             supported here",
        ]),
    );
}

#[test]
fn a_chart_with_null_and_empty_values_runs() {
    public("chart.yaml", Ok((1, &["spec.template.spec.affinity"])));
}

/// The error that refuses the files.
#[track_caller]
fn refused(files: &[(&str, &str)]) -> String {
    let inputs = files.iter().map(|(name, text)| Input {
        origin: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    let inputs: Vec<_> = inputs.collect();
    match parse(&inputs) {
        Err(error) => error.to_string(),
        Ok(objects) => check(&objects).expect_err("it must be refused").to_string(),
    }
}

/// A Deployment with additional fields in its spec.
fn deployment(more: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{{more}selector: \
         {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: \
         {{containers: [{{name: web, image: web}}]}}}}}}}}"
    )
}

#[test]
fn an_error_names_the_file_that_it_is_in() {
    let good = deployment("");
    let many = deployment("replicas: 1000, ").replace("name: web}, spec", "name: two}, spec");
    let invalid = refused(&[("a.yaml", &good), ("b.yaml", &many)]);
    assert_eq!(
        invalid,
        "b.yaml: Deployment `two`: spec.replicas: more than 110 pods do not fit on one machine"
    );
    let unresolved = good.replace("image: web", "image: \"cargo://web\"");
    let unresolved = refused(&[("a.yaml", &unresolved)]);
    assert!(
        unresolved.starts_with("a.yaml: Deployment `web`: container `web`: image `cargo://web` "),
        "{unresolved}"
    );
    assert_eq!(
        refused(&[("a.yaml", &good), ("b.yaml", &good)]),
        "b.yaml: Deployment `default/web` is in a.yaml too"
    );
    assert_eq!(
        refused(&[("a.yaml", &format!("{good}\n---\n{good}"))]),
        "a.yaml: Deployment `default/web` is defined twice"
    );
}

#[test]
fn manifests_without_a_deployment_are_refused_with_the_objects_found() {
    assert_eq!(
        refused(&[("a.yaml", "")]),
        "the manifests have no Deployment"
    );
    let typo = deployment("").replace("kind: Deployment", "kind: Deploymnet");
    let service =
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}";
    assert_eq!(
        refused(&[("a.yaml", &typo), ("b.yaml", service)]),
        "the manifests have no Deployment, only Deploymnet `web` and Service `web`"
    );
}

#[test]
fn a_value_of_a_wrong_type_is_refused_in_the_terms_of_yaml() {
    let cases = [
        (
            "replicas: -1, ",
            "spec.replicas: expected a whole number, 0 or more, found `-1`",
        ),
        (
            "replicas: \"3\", ",
            "spec.replicas: expected a whole number, 0 or more, found `\"3\"`",
        ),
        (
            "replicas: 1.5, ",
            "spec.replicas: expected a whole number, 0 or more, found `1.5`",
        ),
        (
            "replicas: [], ",
            "spec.replicas: expected a whole number, 0 or more, found a list",
        ),
        (
            "strategy: [], ",
            "spec.strategy: expected an object, found a list",
        ),
        (
            "strategy: {type: rolling}, ",
            "spec.strategy.type: unknown value `rolling`: expected `RollingUpdate` or `Recreate`",
        ),
    ];
    for (more, expected) in cases {
        let message = refused(&[("a.yaml", &deployment(more))]);
        assert_eq!(message, format!("a.yaml: Deployment `web`: {expected}"));
    }
    let list = deployment("").replace("image: web", "image: web, securityContext: [65532]");
    assert_eq!(
        refused(&[("a.yaml", &list)]),
        "a.yaml: Deployment `web`: spec.template.spec.containers[0].securityContext: expected an object, \
         found a list"
    );
    let boolean = "image: web, securityContext: {readOnlyRootFilesystem: 1}";
    let boolean = deployment("").replace("image: web", boolean);
    assert_eq!(
        refused(&[("a.yaml", &boolean)]),
        "a.yaml: Deployment `web`: spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem: \
         expected `true` or `false`, found `1`"
    );
    let containers = deployment("").replace(
        "containers: [{name: web, image: web}]",
        "containers: {a: 1}",
    );
    assert_eq!(
        refused(&[("a.yaml", &containers)]),
        "a.yaml: Deployment `web`: spec.template.spec.containers: expected a list, found an object"
    );
}

#[test]
fn what_kubectl_get_prints_runs_without_a_warning() {
    let deployment = deployment("")
        .replace(
            "spec: {containers",
            "spec: {schedulerName: default-scheduler, serviceAccount: default, \
                  containers",
        )
        .replace(
            "image: web",
            "image: web, terminationMessagePath: /dev/termination-log, \
                  terminationMessagePolicy: File",
        );
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: 10.0.0.10, \
                   clusterIPs: [10.0.0.10], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, selector: \
                   {app: web}, ports: [{port: 80, targetPort: 80}]}}";
    assert_eq!(
        judge(&format!("{deployment}\n---\n{service}")),
        Ok((1, vec![]))
    );
}

#[test]
fn the_ports_of_a_service_differ_by_protocol_too() {
    let service = |more: &str| {
        format!(
            "{}\n---\n{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{{more}selector: {{app: \
             web}}, ports: [{{name: a, port: 53}}, {{name: b, port: 53, protocol: UDP}}]}}}}",
            deployment("")
        )
    };
    assert_eq!(
        judge(&service("")),
        Err("test: Service `web`: spec.ports[1].protocol: only TCP is supported here".to_owned())
    );
    let (_, warnings) = judge(&service("clusterIP: None, ")).unwrap();
    assert_eq!(
        warnings,
        [
            "Service `web`: spec.ports[1].protocol: only TCP is supported here",
            "Service `web`: spec.clusterIP: ignored: Services have no names here",
        ]
    );
}

#[test]
fn lists_and_several_json_documents_are_read_as_by_kubectl() {
    let of_kind = deployment("").replace("apiVersion: apps/v1, kind: Deployment, ", "");
    let list = format!("{{apiVersion: apps/v1, kind: DeploymentList, items: [{of_kind}]}}");
    assert_eq!(judge(&list), Ok((1, vec![])));
    let two = deployment("").replace("metadata: {name: web}, spec", "metadata: {name: two}, spec");
    let json = [deployment(""), two].map(|yaml| {
        let value: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        value.to_string()
    });
    assert_eq!(judge(&json.join("\n")), Ok((2, vec![])));
}

#[test]
fn a_restricting_object_is_never_ignored_silently() {
    for (api, kind) in [
        ("v1", "ResourceQuota"),
        ("v1", "LimitRange"),
        ("security.istio.io/v1", "AuthorizationPolicy"),
    ] {
        let object = format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: a}}}}");
        let (_, warnings) = judge(&format!("{}\n---\n{object}", deployment(""))).unwrap();
        assert_eq!(warnings, [format!("{kind} `a` is not enforced here")]);
    }
}

/// A Deployment in a namespace that enforces a Pod Security Standard, with fields of its pod and its
/// container.
fn secured(level: &str, pod: &str, container: &str) -> Result<(usize, Vec<String>), String> {
    let deployment = deployment("")
        .replace("spec: {containers", &format!("spec: {{{pod}containers"))
        .replace("image: web", &format!("image: web{container}"));
    judge(&format!(
        "{deployment}\n---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: default, labels: \
         {{pod-security.kubernetes.io/enforce: {level}}}}}}}"
    ))
}

#[test]
fn the_pod_security_standard_of_a_namespace_is_enforced() {
    let refused = |outcome: Result<_, String>, fields: &[&str]| {
        let error = outcome.unwrap_err();
        let all: Vec<_> = error.matches("spec.template.spec").collect();
        assert_eq!(all.len(), fields.len(), "{error}");
        for field in fields {
            assert!(error.contains(field), "`{field}` is not in: {error}");
        }
        assert!(error.contains("Pod Security Standard"), "{error}");
    };
    let ok = Ok((1, vec![]));
    assert_eq!(secured("privileged", "", ""), ok);
    assert_eq!(secured("baseline", "", ""), ok);
    refused(
        secured("restricted", "", ""),
        &[
            "containers[0].securityContext.allowPrivilegeEscalation: must be false",
            "containers[0].securityContext.capabilities.drop: must have ALL",
            "containers[0].securityContext.runAsNonRoot: must be true",
            "containers[0].securityContext.seccompProfile.type: must be RuntimeDefault",
        ],
    );
    let strict =
        ", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}";
    let pod = "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, ";
    assert_eq!(secured("restricted", pod, strict), ok);
    let root = pod.replace("runAsNonRoot", "runAsUser: 0, runAsNonRoot");
    refused(
        secured("restricted", &root, strict),
        &["spec.template.spec.securityContext.runAsUser: must not be 0"],
    );
    let adding = strict.replace("drop", "add: [CHOWN], drop");
    refused(
        secured("restricted", pod, &adding),
        &["capabilities.add: must not have CHOWN"],
    );
    let adding = ", securityContext: {capabilities: {add: [CHOWN, NET_ADMIN]}}";
    refused(
        secured("baseline", "", adding),
        &["capabilities.add: must not have NET_ADMIN"],
    );
    refused(
        secured(
            "baseline",
            "securityContext: {seccompProfile: {type: Unconfined}}, ",
            "",
        ),
        &["spec.template.spec.securityContext.seccompProfile.type: must not be Unconfined"],
    );
    refused(
        secured(
            "baseline",
            "",
            ", livenessProbe: {tcpSocket: {port: 80, host: 10.0.0.1}}",
        ),
        &["livenessProbe.tcpSocket.host: must not be set"],
    );
    let apparmor = "securityContext: {appArmorProfile: {type: Unconfined}}, ";
    refused(
        secured("baseline", apparmor, ""),
        &["spec.template.spec.securityContext.appArmorProfile.type: must not be Unconfined"],
    );
    assert_eq!(
        secured("strict", "", "").unwrap_err(),
        "test: Namespace `default`: metadata.labels[pod-security.kubernetes.io/enforce]: expected privileged, \
         baseline or restricted"
    );
}
