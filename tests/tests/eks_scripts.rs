//! The scripts behind `make cluster`, `kubeconfig`, `deploy` and so on, with programs in place of
//! aws, eksctl, helm, kubectl and ship that write down how they were called. No cloud, no cluster.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::manifests::Schema;
use serde_json::Value;
use tempfile::TempDir;

/// Writes its name and arguments into `calls`, answers what a script asks for, and keeps the
/// cluster definition that eksctl is given.
const STUB: &str = r#"#!/bin/sh
name=$(basename "$0")
echo "$name $*" >>"$STUBS/calls"
case "$name $*" in
    "aws sts get-caller-identity"*) echo 123456789012 ;;
    "aws eks describe-cluster"*) echo vpc-1 ;;
    "eksctl get cluster"*) test -e "$STUBS/exists" ;;
    "eksctl create cluster -f "*) cp "$4" "$STUBS/cluster.yaml" ;;
    "kubectl config current-context") echo mine ;;
    "kubectl config get-contexts"*) printf 'mine\nother\nhello.cn-north-1\n' ;;
    "kubectl --context "*"get services"*) cat "$STUBS/balancers" 2>/dev/null || : ;;
esac
"#;

struct Ran {
    code: Option<i32>,
    stderr: String,
    calls: Vec<String>,
    stubs: TempDir,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run_with(script: &str, args: &[&str], prepare: impl FnOnce(&Path)) -> Ran {
    let stubs = tempfile::tempdir().unwrap();
    for name in ["aws", "eksctl", "helm", "kubectl", "ship"] {
        let path = stubs.path().join(name);
        fs::write(&path, STUB).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    prepare(stubs.path());
    let output = Command::new("bash")
        .arg(format!("dev/eks/{script}.sh"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", stubs.path().display()))
        .env("STUBS", stubs.path())
        .env("BIN", stubs.path())
        .output()
        .unwrap();
    let calls = fs::read_to_string(stubs.path().join("calls")).unwrap_or_default();
    Ran {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        calls: calls.lines().map(str::to_owned).collect(),
        stubs,
    }
}

fn run(script: &str, args: &[&str]) -> Ran {
    run_with(script, args, |_| {})
}

#[track_caller]
fn refused(script: &str, args: &[&str], message: &str) {
    let ran = run(script, args);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with(&format!("error: {message}")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    let changes = ran
        .calls
        .iter()
        .filter(|call| !call.contains("config get-contexts"));
    assert_eq!(changes.count(), 0, "{:?}", ran.calls);
}

#[test]
fn nothing_is_called_for_a_cluster_that_was_not_named() {
    refused("cluster", &["", "", "eks"], "which cluster?");
    refused("cluster", &["hello", "", "eks"], "which cluster?");
    refused(
        "cluster",
        &["hello; rm -rf /", "eu-west-1", "eks"],
        "`hello; rm -rf /` is no name",
    );
    refused(
        "cluster",
        &["hello", "Ireland", "eks"],
        "`Ireland` is no region",
    );
    refused(
        "cluster",
        &["hello", "eu-west-1", "local"],
        "there is no cluster for the overlay",
    );
    refused("kubeconfig", &["", ""], "which cluster?");
    refused("cluster-delete", &["", ""], "which cluster?");
    refused(
        "deploy",
        &["", "", "eks", "", "linux/amd64"],
        "which cluster?",
    );
    refused(
        "deploy",
        &["other", "", "eks", "", "linux/amd64"],
        "where do images go?",
    );
    refused("node-ps", &["n", "", "", "", ""], "which cluster?");
    let unknown = "the kubeconfig has no context `misspelt`";
    refused("deploy", &["misspelt", "", "eks", "", ""], unknown);
    refused("node-ps", &["n", "misspelt", "", "", ""], unknown);
}

#[test]
fn a_cluster_is_made_from_its_definition_with_name_and_region_put_in() {
    let schema = Schema::load(&root().join("k8s/schemas/eksctl.json"));
    for (overlay, helm) in [("eks", true), ("eks-auto", false)] {
        let ran = run("cluster", &["hello", "us-gov-west-1", overlay]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let text = fs::read_to_string(ran.stubs.path().join("cluster.yaml")).unwrap();
        let cluster: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(cluster["metadata"]["name"], "hello");
        assert_eq!(cluster["metadata"]["region"], "us-gov-west-1");
        assert!(
            !text.contains("rust-k8s-load"),
            "a role is named after another cluster"
        );
        assert_eq!(schema.check(&cluster), []);
        let nodes = |cluster: &Value| cluster["managedNodeGroups"][0]["name"].clone();
        let original = fs::read_to_string(root().join(if helm {
            "k8s/cluster.yaml"
        } else {
            "k8s/cluster-auto.yaml"
        }));
        let original: Value = serde_saphyr::from_str(&original.unwrap()).unwrap();
        assert_eq!(
            nodes(&cluster),
            nodes(&original),
            "only the name and the region change"
        );

        let helm_calls: Vec<_> = ran
            .calls
            .iter()
            .filter(|call| call.starts_with("helm "))
            .collect();
        assert_eq!(helm_calls.len(), usize::from(helm), "{helm_calls:?}");
        for call in helm_calls {
            assert!(
                call.contains("--kube-context hello.us-gov-west-1"),
                "{call}"
            );
            assert!(
                call.contains("clusterName=hello") && call.contains("vpcId=vpc-1"),
                "{call}"
            );
        }
    }
}

#[test]
fn a_cluster_that_is_there_is_left_as_it_is() {
    let ran = run_with("cluster", &["hello", "eu-west-1", "eks"], |stubs| {
        fs::write(stubs.join("exists"), "").unwrap();
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        !ran.calls.iter().any(|call| call.contains("create cluster")),
        "{:?}",
        ran.calls
    );
}

#[test]
fn the_current_context_stays_what_it_was() {
    let ran = run("kubeconfig", &["hello", "eu-west-1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.calls.last().unwrap(), "kubectl config use-context mine");
    let update =
        "aws eks update-kubeconfig --name hello --region eu-west-1 --alias hello.eu-west-1";
    assert!(
        ran.calls.iter().any(|call| call == update),
        "{:?}",
        ran.calls
    );
}

#[test]
fn images_go_to_the_callers_own_ecr_unless_another_registry_is_named() {
    let shipped = |args: &[&str]| run("deploy", args).calls.last().unwrap().clone();
    let call = shipped(&["hello.cn-north-1", "cn-north-1", "eks", "", "linux/arm64"]);
    assert!(
        call.starts_with("ship deploy --context hello.cn-north-1 "),
        "{call}"
    );
    assert!(
        call.contains("--repo 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn "),
        "{call}"
    );
    assert!(
        call.contains("--platform linux/arm64") && call.ends_with("--create-repository"),
        "{call}"
    );
    let call = shipped(&["mine", "", "local", "registry.example/x", "linux/amd64"]);
    assert!(call.contains("--overlay k8s/overlays/local "), "{call}");
    assert!(call.contains("--repo registry.example/x "), "{call}");
    assert!(!call.contains("--create-repository"), "{call}");
}

#[test]
fn a_cluster_is_not_deleted_from_under_its_load_balancers() {
    let ran = run_with("cluster-delete", &["hello", "eu-west-1"], |stubs| {
        fs::write(
            stubs.join("balancers"),
            "Service/rust-app-service in rust-app\n",
        )
        .unwrap();
    });
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("Service/rust-app-service in rust-app"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.calls.iter().any(|call| call.starts_with("eksctl")),
        "{:?}",
        ran.calls
    );
    let ran = run("cluster-delete", &["hello", "eu-west-1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.calls
            .last()
            .unwrap()
            .starts_with("eksctl delete cluster --name hello")
    );
}
