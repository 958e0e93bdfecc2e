//! Invalid settings of `make` for a deployment: each is refused before anything is queried, built or
//! changed, and the error says what is wrong, where, and what to do. Needs kubectl, and no cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::manifests::{path_with_kubectl, repository};
use tempfile::TempDir;

const DIGEST: &str = "@sha256:0000000000000000000000000000000000000000000000000000000000000000";
const ARN: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
/// One context, of a cluster that must not be queried.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
users: [{name: me, user: {}}]
";

/// Runs `make` with settings; its programs are built already.
fn make(scratch: &Path, settings: &[&str]) -> Output {
    let kubeconfig = scratch.join("kubeconfig");
    fs::write(&kubeconfig, KUBECONFIG).unwrap();
    let mut make = Command::new("make");
    for built in ["deps-deploy", "deps-inspector", "deps-ship", "build-ship"] {
        make.arg(format!("--old-file={built}"));
    }
    // Independent of the make that runs the tests, and its settings.
    for variable in [
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "CONTEXT",
        "REPO",
        "IMAGE",
        "REGION",
    ] {
        make.env_remove(variable);
    }
    make.args(settings)
        .env("KUBECONFIG", kubeconfig)
        .env("PATH", path_with_kubectl())
        .current_dir(repository())
        .output()
        .unwrap()
}

/// The target and its settings, the error, and the hint.
type Case = (&'static [&'static str], &'static str, &'static str);

const LABEL: &str = "lowercase letters, digits and hyphens, a letter first";
const RENDER: [Case; 34] = [
    (
        &["NAME=Shop"],
        "invalid value 'Shop' for '--name <NAME>'",
        LABEL,
    ),
    (&["NAME=a b'c"], "invalid value 'a b'c' for '--name", LABEL),
    (&["NAME=a; id"], "invalid value 'a; id' for '--name", LABEL),
    (&["NAME=-a"], "invalid value '-a' for '--name", LABEL),
    (
        &["NAMESPACE=Team"],
        "invalid value 'Team' for '--namespace",
        LABEL,
    ),
    (
        &["NAMESPACE=kube-system"],
        "'kube-system' for '--namespace",
        "choose one for the service",
    ),
    (
        &["NAMESPACE=default"],
        "'default' for '--namespace",
        "choose one for the service",
    ),
    (
        &["HOST=localhost"],
        "'localhost' for '--host",
        "such as hello.example.com",
    ),
    (
        &["HOST=https://a.example"],
        "'https://a.example' for '--host",
        "such as hello.example.com",
    ),
    (
        &["HOST=10.0.0.1"],
        "'10.0.0.1' for '--host",
        "such as hello.example.com",
    ),
    (
        &["CERTIFICATE=mine"],
        "'mine' for '--certificate",
        "such as arn:aws:acm:",
    ),
    // No certificate covers the load balancer's own name.
    (
        &["CERTIFICATE=arn:aws:acm:eu-west-1:123456789012:certificate/1"],
        "still contains the placeholder REPLACE-ME",
        "hint: HOST=",
    ),
    (
        &["COMPONENTS=tls", "HOST=a.example"],
        "still contains the placeholder REPLACE-ME",
        "hint: CERTIFICATE=",
    ),
    (&["TAGS=team"], "'team' for '--tags", "KEY=VALUE"),
    (
        &["TAGS=aws:x=1"],
        "'aws:x=1' for '--tags",
        "a prefix that AWS or Kubernetes reserve",
    ),
    (&["TAGS=a=1,a=2"], "'a=1,a=2' for '--tags", "given twice"),
    (
        &["TAGS=a=b;c"],
        "'a=b;c' for '--tags",
        "letters, digits, spaces",
    ),
    (
        &["COMPONENTS=monitor"],
        "offers no component `monitor`",
        "COMPONENTS= can have: ",
    ),
    (
        &["COMPONENTS=spot-auto"],
        "offers no component `spot-auto`",
        "spot-karpenter",
    ),
    (
        &["COMPONENTS=tls,, internal"],
        "offers no component ``",
        "COMPONENTS= can have: ",
    ),
    (
        &["COMPONENTS=alb-ingress"],
        "replaces the load balancer",
        "in k8s/overlays/eks/kustomization.yaml",
    ),
    (
        &["COMPONENTS=storage-ebs,storage-efs"],
        "`storage-ebs` and `storage-efs` exclude each other",
        "leave one of them out",
    ),
    (
        &["COMPONENTS=spot,spot-karpenter"],
        "`spot` and `spot-karpenter` exclude",
        "leave one of them out",
    ),
    (
        &["COMPONENTS=spot-karpenter"],
        "still contains the placeholder REPLACE-ME",
        "hint: CLUSTER=hello",
    ),
    (
        &["COMPONENTS=storage-efs"],
        "still contains the placeholder REPLACE-ME: `fileSystemId: ",
        "file, below k8s/components",
    ),
    (
        &["CLUSTER=my_cluster"],
        "'my_cluster' for '--cluster",
        "a letter first",
    ),
    (
        &["OVERLAY=lokal"],
        "no kustomization in k8s/overlays/lokal",
        "OVERLAY= is one of: eks, eks-auto, local",
    ),
    (
        &["OVERLAY="],
        "no kustomization in k8s/overlays/",
        "OVERLAY= is one of: eks, eks-auto, local",
    ),
    (
        &["OVERLAY=eks; id"],
        "no kustomization in k8s/overlays/eks; id",
        "OVERLAY= is one of: ",
    ),
    (
        &["IMAGE=registry.example/app:v1"],
        "'registry.example/app:v1' for '--image",
        "expected registry.example/app@sha256:",
    ),
    (
        &["IMAGE=app@sha256:12"],
        "invalid digest `sha256:12`",
        "64 digits of 0-9 and a-f",
    ),
    (
        &["IMAGE=", "REPO=https://registry.example"],
        "'https://registry.example' for '--repo",
        "such as registry.example/team",
    ),
    (
        &["IMAGE=", "REPO=registry.example/app:v1"],
        "'registry.example/app:v1' for '--repo",
        "without a tag",
    ),
    (
        &["IMAGE=", "REPO=registry.example/Team"],
        "'registry.example/Team' for '--repo",
        "lowercase",
    ),
];
const OTHERS: [Case; 11] = [
    (
        &["render"],
        "neither a registry nor an image is given",
        "REGION=",
    ),
    (
        &["render", "REGION=Ireland"],
        "invalid region `Ireland`",
        "such as eu-west-1",
    ),
    (
        &["deploy", "CONTEXT=here"],
        "neither a registry nor an image is given",
        "IMAGE=",
    ),
    (
        &["diff", "CONTEXT=here"],
        "neither a registry nor an image is given",
        "IMAGE=",
    ),
    (
        &["deploy", "IMAGE=a", "CONTEXT=here"],
        "'a' for '--image",
        "expected registry.example/app@sha256:",
    ),
    (
        &["preflight"],
        "no context is given",
        "CONTEXT=) is one of: here",
    ),
    (
        &["preflight", "CONTEXT=there"],
        "the kubeconfig has no context `there`",
        "is one of: here",
    ),
    (
        &["status", "CONTEXT=a 'b"],
        "the kubeconfig has no context `a 'b`",
        "is one of: here",
    ),
    (
        &["undeploy", "CONTEXT=`id`"],
        "the kubeconfig has no context ``id``",
        "is one of: here",
    ),
    (
        &["smoke", "CONTEXT=here", "TEST_FROM=there"],
        "'there' for '--test-from",
        "here, cluster",
    ),
    (
        &["rollout-test", "CONTEXT=here", "NAME=A"],
        "'A' for '--name",
        LABEL,
    ),
];

#[test]
fn every_invalid_value_is_refused_with_a_hint() {
    let scratch = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let image = format!("IMAGE=registry.example/app{DIGEST}");
    let render = RENDER.iter().map(|(settings, what, to_do)| {
        let mut command = vec!["render", &image];
        command.extend(*settings);
        (command, what, to_do)
    });
    let others = OTHERS
        .iter()
        .map(|(command, what, to_do)| (command.to_vec(), what, to_do));
    for (command, what, to_do) in render.chain(others) {
        let output = make(scratch.path(), &command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let named = stderr.starts_with("error: ") && stderr.contains(what);
        // make always exits with 2, and prints the program's code.
        let usage = stderr.contains("] Error 2\n");
        if output.status.code() != Some(2) || !usage || !named || !stderr.contains(to_do) {
            wrong.push(format!("{command:?}\n{stderr}"));
        }
        if !output.stdout.is_empty() {
            wrong.push(format!("{command:?} printed manifests"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A program that writes its arguments, one a line.
fn recorder(folder: &TempDir) -> PathBuf {
    let program = folder.path().join("ship");
    test_programs::write_script(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    program
}

/// A value reaches the program as one argument, whatever it contains: no shell interprets it.
#[test]
fn every_value_reaches_the_program_unchanged() {
    let scratch = tempfile::tempdir().unwrap();
    recorder(&scratch);
    let bin = format!("BIN={}", scratch.path().display());
    let value = "a 'b' \"c\" `touch x` ; # \\ *";
    for (target, settings) in [
        (
            "render",
            &[
                "NAME",
                "NAMESPACE",
                "HOST",
                "CERTIFICATE",
                "COMPONENTS",
                "TAGS",
                "OVERLAY",
                "IMAGE",
                "OUT",
                "PLATFORM",
                "CLUSTER",
                "CA_FILE",
            ][..],
        ),
        ("render", &["REPO"]),
        ("render", &["REGION"]),
        (
            "deploy",
            &[
                "CONTEXT",
                "SERVICE_CA",
                "TEST_FROM",
                "TIMEOUT",
                "BALANCER_TIMEOUT",
                "REPO",
            ],
        ),
        ("smoke", &["URL"]),
        ("preflight", &["CONTEXT", "REGION"]),
        ("node-ps", &["CONTEXT", "NODE", "REPO"]),
    ] {
        let given = settings.iter().map(|name| format!("{name}={value}"));
        let given: Vec<_> = given.collect();
        let mut command = vec![target, &bin];
        command.extend(given.iter().map(String::as_str));
        let output = make(scratch.path(), &command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{target}: {stderr}");
        let printed = String::from_utf8(output.stdout).unwrap();
        // Alone, or after `--option=` and the folder of the overlays.
        let arrived = printed.lines().filter(|line| {
            let before = line.strip_suffix(value);
            before.is_some_and(|option| option.is_empty() || option.starts_with("--"))
        });
        assert_eq!(
            arrived.count(),
            settings.len(),
            "{target} {settings:?}:\n{printed}"
        );
    }
    assert!(!repository().join("x").exists());
    // A certificate of the same form as in the table is accepted.
    let host = [
        "render",
        "HOST=a.example",
        &format!("CERTIFICATE={ARN}"),
        &format!("IMAGE=a{DIGEST}"),
    ];
    let output = make(scratch.path(), &host);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}
