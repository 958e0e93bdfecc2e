//! `imagebuilder apply` with the real kubectl: what a manifest names by its package is built, pushed and run.
//!
//! Needs the cluster that `dev/cluster/run` starts, or another one.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::Path;

use e2e::cluster::Cluster;

const NAMESPACE: &str = "imagebuilder-apply";

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn what_kubectl_applies_runs_the_image_that_was_built() {
    let cluster = Cluster::connect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("apply");
    // An earlier run's files would be applied too.
    let _ = fs::remove_dir_all(&folder);
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "namespace.yaml",
        &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"),
    );
    write(
        "pods/hello.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: hello}\nspec:\n  containers:\n  \
         - name: hello\n    image: cargo://app  # a comment\n",
    );
    let delete = ["delete", "namespace", NAMESPACE, "--ignore-not-found"];
    cluster.run(&delete);

    // kubectl reads what it is given, and its own arguments.
    let applied = cluster.apply(&folder, &["--dry-run=client", "--output=name"]);
    let (dry, _) = applied.succeeded();
    assert_eq!(dry, format!("namespace/{NAMESPACE}\npod/hello\n"));

    let (applied, _) = cluster
        .apply(&folder.join("namespace.yaml"), &[])
        .succeeded();
    assert_eq!(applied, format!("namespace/{NAMESPACE} created\n"));
    let in_namespace = format!("--namespace={NAMESPACE}");
    let pods = folder.join("pods");
    let (applied, _) = cluster.apply(&pods, &[&in_namespace]).succeeded();
    assert_eq!(applied, "pod/hello created\n");
    let timeout = "--timeout=5m";
    cluster.run(&[
        "wait",
        "--for=condition=Ready",
        "pod/hello",
        &in_namespace,
        timeout,
    ]);
    let image = "--output=jsonpath={.spec.containers[0].image}";
    let image = cluster.run(&["get", "pod", "hello", &in_namespace, image]);
    assert!(image.contains("@sha256:"), "{image}");
    let (applied, _) = cluster.apply(&pods, &[&in_namespace]).succeeded();
    assert_eq!(applied, "pod/hello unchanged\n");

    // The API server refuses it, and kubectl's reason is shown.
    write(
        "refused/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: 'A_B'}\nspec: {containers: [{name: a, image: cargo://app}]}\n",
    );
    let refused = cluster.apply(&folder.join("refused"), &[&in_namespace]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for expected in [
        "\"A_B\" is invalid",
        "error: `kubectl apply` failed (exit status: 1)",
    ] {
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    cluster.run(&delete);
}
