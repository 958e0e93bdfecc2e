//! The IAM policies in `k8s/iam`, checked against a table of the programs' calls: each call is allowed, and
//! nothing else is. No cloud.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;

use e2e::eks_scripts::{ROOM, answered, existing, run};
use e2e::manifests::repository;
use serde_json::Value;

const ACCOUNT: &str = "123456789012";
/// The actions by which Amazon ECR authorizes imagebuilder's requests to an existing repository.
const PUSH: [&str; 6] = [
    // Existence checks of blobs and manifests before they are sent.
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];
/// The additional actions of `--create-repository`, which `ship` passes.
const CREATE: [&str; 2] = ["ecr:CreateRepository", "ecr:DescribeRepositories"];
/// The queries of `ship preflight` about a cluster's VPC.
const SUBNETS: [&str; 2] = ["ec2:DescribeSubnets", "ec2:DescribeRouteTables"];

fn read(name: &str) -> Value {
    let text = fs::read_to_string(repository().join("k8s/iam").join(name)).unwrap();
    let text = text
        .replace("ACCOUNT", ACCOUNT)
        .replace("REGION", "eu-west-1");
    serde_json::from_str(&text).unwrap()
}

/// A string, or a list of them.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        other => panic!("{other} is neither a string nor a list"),
    }
}

/// Whether a pattern with `*` matches.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
            ends.any(|end| matches(rest, &text[end..]))
        }),
    }
}

fn statements(policy: &Value) -> &Vec<Value> {
    assert_eq!(policy["Version"], "2012-10-17");
    policy["Statement"].as_array().unwrap()
}

/// Whether IAM allows an action; the policies have neither `Deny` nor conditions.
fn allows(policy: &Value, action: &str, resource: &str) -> bool {
    statements(policy).iter().any(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        assert!(statement["Condition"].is_null(), "{statement}");
        let any = |field: &str, text: &str| {
            strings(&statement[field])
                .iter()
                .any(|pattern| matches(pattern, text))
        };
        any("Action", action) && any("Resource", resource)
    })
}

fn actions(policy: &Value) -> BTreeSet<&str> {
    let statements = statements(policy).iter();
    statements.flat_map(|one| strings(&one["Action"])).collect()
}

fn ecr(repository: &str) -> String {
    format!("arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/{repository}")
}

/// Asserts that a policy allows the calls on their resources, and no other action.
#[track_caller]
fn exactly(policy: &str, calls: &[(&str, String)]) {
    let policy = read(policy);
    for (action, resource) in calls {
        assert!(allows(&policy, action, resource), "{action} on {resource}");
    }
    let called: BTreeSet<_> = calls.iter().map(|(action, _)| *action).collect();
    assert_eq!(actions(&policy), called);
}

#[test]
fn a_deployer_may_do_what_a_deploy_does_and_no_more() {
    let mut calls = vec![("ecr:GetAuthorizationToken", "*".to_owned())];
    // The service's image, and that of `make node-ps`.
    for name in ["rust-k8s-app", "nodectl"] {
        let on_it = PUSH
            .iter()
            .chain(&CREATE)
            .map(|action| (*action, ecr(name)));
        calls.extend(on_it);
    }
    // `make kubeconfig`; `aws eks get-token`, which the kubeconfig runs, needs no permission.
    let ran = run("kubeconfig", &["hello", "eu-west-1"]).succeeded();
    let aws: Vec<_> = ran
        .calls
        .iter()
        .filter(|call| call.starts_with("aws "))
        .collect();
    assert_eq!(aws.len(), 1, "{aws:?}");
    assert!(aws[0].starts_with("aws eks update-kubeconfig "), "{aws:?}");
    let cluster = format!("arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/hello");
    calls.push(("eks:DescribeCluster", cluster));
    // The check of the cluster's subnets. The actions have no resource types.
    calls.extend(SUBNETS.map(|action| (action, "*".to_owned())));
    exactly("deployer.json", &calls);

    let policy = read("deployer.json");
    for (action, resource) in [
        ("ecr:PutImage", ecr("other")),
        ("ecr:BatchDeleteImage", ecr("rust-k8s-app")),
        (
            "eks:CreateAccessEntry",
            format!("arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/hello"),
        ),
        ("iam:PassRole", "*".to_owned()),
    ] {
        assert!(
            !allows(&policy, action, &resource),
            "{action} on {resource}"
        );
    }
}

#[test]
fn ci_and_people_may_do_what_they_need_in_the_registry() {
    let mut calls = vec![("ecr:GetAuthorizationToken", "*".to_owned())];
    calls.extend(PUSH.map(|action| (action, ecr("team/app"))));
    exactly("ecr-push.json", &calls);
    assert!(!allows(
        &read("ecr-push.json"),
        "ecr:PutImage",
        &ecr("rust-k8s-app")
    ));

    let reading = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:GetDownloadUrlForLayer",
        "ecr:ListImages",
    ];
    let mut calls = vec![("ecr:GetAuthorizationToken", "*".to_owned())];
    calls.extend(reading.map(|action| (action, ecr("team/app"))));
    exactly("ecr-people.json", &calls);
}

/// Without `aud` or with a wildcard for `sub`, workflows of any repository could take the role.
#[test]
fn github_is_trusted_for_one_branch_of_one_repository() {
    let trust = read("github-trust.json");
    let [statement] = &statements(&trust)[..] else {
        panic!("{trust}")
    };
    assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
    let issuer = "token.actions.githubusercontent.com";
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
    assert_eq!(statement["Principal"]["Federated"], provider);
    let conditions = statement["Condition"].as_object().unwrap();
    assert_eq!(conditions.keys().collect::<Vec<_>>(), ["StringEquals"]);
    let equals = &conditions["StringEquals"];
    assert_eq!(equals[format!("{issuer}:aud")], "sts.amazonaws.com");
    let subject = equals[format!("{issuer}:sub")].as_str().unwrap();
    assert!(
        subject.starts_with("repo:") && subject.contains(":ref:"),
        "{subject}"
    );
    assert!(!subject.contains('*'), "{subject}");
}

/// A policy written by hand from the documents has the same actions.
#[test]
fn the_documents_list_the_actions_of_the_policies() {
    let mentioned = |document: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(repository().join("docs").join(document)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
        let actions = words.filter(|word| {
            ["ec2:", "ecr:", "eks:"]
                .iter()
                .any(|service| word.starts_with(service))
        });
        actions.map(str::to_owned).collect()
    };
    let eks = mentioned("eks.md");
    for action in actions(&read("deployer.json")) {
        assert!(eks.contains(action), "docs/eks.md does not have {action}");
    }
    let documented = mentioned("ecr.md");
    for action in PUSH.iter().chain(&CREATE) {
        assert!(
            documented.contains(*action),
            "docs/ecr.md does not have {action}"
        );
    }
}

/// The calls of the cluster scripts, which administrators run: an unlisted call would be a permission that
/// an administrator may lack.
#[test]
fn the_scripts_make_only_the_listed_calls() {
    let args = ["hello", "eu-west-1", "eks"];
    let mut runs = vec![answered("cluster", &args, &ROOM)];
    for (script, answers) in [
        ("cluster", &[][..]),
        ("cluster-upgrade", &[("version", "1.35\n")][..]),
        ("cluster-delete", &[][..]),
        ("kubeconfig", &[][..]),
    ] {
        runs.push(existing(script, &args, answers));
    }
    let mut called = BTreeSet::new();
    for ran in runs {
        let ran = ran.succeeded();
        let aws = ran
            .calls
            .iter()
            .filter_map(|call| call.strip_prefix("aws "));
        called.extend(aws.map(|call| {
            let mut words = call.split(' ');
            let (service, command) = (words.next().unwrap(), words.next().unwrap());
            format!("{service} {command}")
        }));
    }
    let expected = [
        "ec2 describe-addresses",
        "ec2 describe-instances",
        "ec2 describe-vpcs",
        "eks describe-cluster",
        "eks list-clusters",
        "eks list-insights",
        "eks list-nodegroups",
        "eks list-pod-identity-associations",
        "eks update-cluster-config",
        "eks update-kubeconfig",
        "eks wait",
        "logs describe-log-groups",
        "resourcegroupstaggingapi get-resources",
        "service-quotas get-aws-default-service-quota",
        "service-quotas get-service-quota",
        "sts get-caller-identity",
    ];
    assert_eq!(
        called.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}
