//! `make deploy`, `diff`, `smoke`, `status`, `rollout-test` and `undeploy` on a real Kubernetes, as a
//! user types them. Needs the cluster that `dev/cluster/run` starts, or another one.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::Path;

use e2e::cluster::{Cluster, drainless, local};

#[track_caller]
fn contains(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn the_service_is_deployed_inspected_and_removed() {
    let cluster = Cluster::connect();
    let context = cluster.kubectl.context().to_owned();
    cluster.undeploy();

    let absent = cluster.make("smoke", &[]);
    assert_ne!(absent.code, Some(0));
    contains(
        &absent.stderr,
        &[&format!("error: nothing is deployed on {context}")],
    );

    let (url, printed) = cluster.make("deploy", &[]).succeeded();
    assert_eq!(url, format!("http://{}/\n", cluster.address().ip()));
    contains(
        &printed,
        &[
            &format!("Deploying k8s/overlays/local to context {context}"),
            "Building and pushing to ",
            "Rolled out revision 1 to 3 pods",
        ],
    );

    let (diff, printed) = cluster.make("diff", &[]).succeeded();
    assert_eq!(diff, "", "{printed}");
    contains(&printed, &["A deploy would change nothing"]);
    // GitOps tools would apply exactly what is deployed.
    let (rendered, _) = cluster.make("render", &[]).succeeded();
    let (revision, image) = (
        cluster.field(".metadata.generation"),
        cluster.field(".spec.template.spec.containers[0].image"),
    );
    assert!(
        rendered.contains(&format!("image: {image}\n")),
        "{rendered}"
    );
    let known = format!("IMAGE={image}");
    let (_, printed) = cluster.make("deploy", &[&known]).succeeded();
    contains(
        &printed,
        &["Nothing to roll out: revision 1 is running in 3 pods"],
    );
    assert!(!printed.contains("Building"), "{printed}");
    assert_eq!(cluster.field(".metadata.generation"), revision);

    let (nothing, printed) = cluster.make("smoke", &[]).succeeded();
    assert_eq!(nothing, "");
    contains(&printed, &["Smoke tests passed in "]);

    let (status, _) = cluster.make("status", &[]).succeeded();
    let digest = cluster.field(".spec.template.spec.containers[0].image");
    let digest = digest.rsplit('@').next().unwrap();
    assert_eq!(status.matches(digest).count(), 3 + 1, "{status}");
    for pod in cluster.pods() {
        contains(&status, &[pod["metadata"]["name"].as_str().unwrap()]);
    }

    let (_, printed) = cluster.make("undeploy", &[]).succeeded();
    contains(&printed, &["and its load balancer", "Deleted"]);
    let namespaces = cluster.run(&["get", "namespaces", "-o=name"]);
    assert!(!namespaces.contains("namespace/rust-app"), "{namespaces}");
    let (_, printed) = cluster.make("undeploy", &[]).succeeded();
    contains(&printed, &["Nothing to delete"]);
}

/// How many requests of a rollout test failed, and how many it sent.
#[track_caller]
fn counted(printed: &str) -> (u64, u64) {
    let line = printed
        .lines()
        .find(|line| line.ends_with(" requests failed"))
        .unwrap_or_else(|| panic!("no count in:\n{printed}"));
    let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
    let failed = numbers.next().unwrap();
    (failed, numbers.next().unwrap())
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_rollout_test_passes_with_the_drain_and_fails_without() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let (_, printed) = cluster.make("rollout-test", &[]).succeeded();
    contains(
        &printed,
        &[
            "Restarting all pods",
            "Scaling to 5 pods",
            "Scaling to 3 pods",
            "Deleting pod rust-app-",
        ],
    );
    let (failed, sent) = counted(&printed);
    println!("with the drain: {failed} of {sent}");
    assert!(failed == 0 && sent > 10_000, "{printed}");
    assert_eq!(cluster.pods().len(), 3);

    let off = drainless(Path::new(env!("CARGO_TARGET_TMPDIR")));
    cluster.deploy(&off, &[]).succeeded();
    let tested = cluster.make("rollout-test", &[]);
    let (failed, sent) = counted(&tested.stderr);
    println!("without: {failed} of {sent}");
    assert_ne!(tested.code, Some(0), "{}", tested.stderr);
    assert!(failed > 0, "{}", tested.stderr);
    cluster.deploy(&local(), &[]).succeeded();
}

/// A deploy to a cluster that lacks a requirement of the overlay is refused before anything is built or
/// changed.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_deploy_that_cannot_succeed_is_refused_first() {
    let cluster = Cluster::connect();
    cluster.undeploy();
    let (_, printed) = cluster.make("preflight", &[]).succeeded();
    contains(&printed, &["k8s/overlays/local can be deployed on "]);
    for target in ["preflight", "deploy", "diff"] {
        let refused = cluster.make(target, &["OVERLAY=eks"]);
        assert_ne!(refused.code, Some(0), "{target}");
        contains(
            &refused.stderr,
            &[
                "the overlay is for Amazon EKS, and the cluster is v",
                "\nhint: ",
            ],
        );
        assert!(!refused.stderr.contains("Building"), "{}", refused.stderr);
    }
    let tag = cluster.make("deploy", &["IMAGE=registry.example/app:v1"]);
    contains(
        &tag.stderr,
        &[
            "'registry.example/app:v1'",
            "it has no digest, and a tag can move to another image",
        ],
    );
    let namespaces = cluster.run(&["get", "namespaces", "-o=name"]);
    assert!(!namespaces.contains("namespace/rust-app"), "{namespaces}");
}
