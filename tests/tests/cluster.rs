//! The service on a real Kubernetes. `make e2e` runs these tests, and `make test` does not: they need the
//! cluster that `dev/cluster/run` starts.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::cluster::{self, Cluster, NAMESPACE, SELECTOR, drainless, local, patched};
use ship::under_load;

/// The minimum number of requests without a loss.
const REQUESTS: u64 = 500_000;

fn changed(name: &str, container: &str) -> PathBuf {
    cluster::changed(Path::new(env!("CARGO_TARGET_TMPDIR")), name, container)
}

/// The overlay `local` with a volume of a Secret that does not exist.
fn without_volume() -> PathBuf {
    patched(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        "without-volume",
        "Deployment",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: rust-app, namespace: rust-app}\n\
         spec: {template: {spec: {volumes: [{name: key, secret: {secretName: missing}}],\n  \
         containers: [{name: rust-app, volumeMounts: [{name: key, mountPath: /key}]}]}}}\n",
    )
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_deploy_answers_and_a_second_one_changes_nothing() {
    let cluster = Cluster::connect();
    cluster.undeploy();

    let (url, printed) = cluster.build_and_deploy(&local(), &[]).succeeded();
    assert_eq!(url, format!("http://{}/\n", cluster.address().ip()));
    assert!(
        printed.contains("Rolled out revision 1 to 3 pods"),
        "{printed}"
    );
    let zones = cluster.run(&[
        "get",
        "nodes",
        "-o=jsonpath={.items[*].metadata.labels.topology\\.kubernetes\\.io/zone}",
    ]);
    let info = ureq::get(format!("http://{}/info", cluster.address().ip()))
        .call()
        .unwrap();
    let info: serde_json::Value =
        serde_json::from_str(&info.into_body().read_to_string().unwrap()).unwrap();
    let zone = info["zone"].as_str().unwrap();
    assert!(
        zones.split(' ').any(|known| known == zone),
        "{zone} is not one of {zones}"
    );

    let (pods, generation) = (cluster.identities(), cluster.field(".metadata.generation"));
    let version = cluster.field(".spec.template");
    let (again, printed) = cluster.build_and_deploy(&local(), &[]).succeeded();
    assert_eq!(again, url);
    assert!(printed.contains("Nothing to roll out"), "{printed}");
    assert_eq!(cluster.identities(), pods);
    assert_eq!(cluster.field(".metadata.generation"), generation);
    assert_eq!(cluster.field(".spec.template"), version);
}

/// Deploys a release that cannot become ready while requests run: the reason is reported, the exit code
/// is 1, and the previous pods keep serving.
#[track_caller]
fn fails_and_is_rolled_back(
    cluster: &Cluster,
    overlay: &Path,
    image: Option<&str>,
    expected: &[&str],
) {
    let pods = cluster.identities();
    let ((), losses) = under_load(cluster.address(), 100, |_| {
        let args = ["--timeout", "20s", "--balancer-timeout", "10s"];
        let deployed = match image {
            Some(image) => cluster.deploy_image(overlay, image, &args),
            None => cluster.deploy(overlay, &args),
        };
        assert_eq!(deployed.code, Some(1), "{}", deployed.stderr);
        assert_eq!(deployed.stdout, "");
        for text in expected {
            assert!(
                deployed.stderr.contains(text),
                "no `{text}` in:\n{}",
                deployed.stderr
            );
        }
    })
    .unwrap();
    assert_eq!(losses.failed(), 0, "{}\n{}", losses.kept, losses.one_shot);
    cluster.wait_for_rollout();
    assert_eq!(
        cluster.identities(),
        pods,
        "the previous pods were replaced"
    );
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_rollout_that_cannot_complete_is_diagnosed_and_rolled_back() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let image = cluster.field(".spec.template.spec.containers[0].image");
    let missing = format!(
        "{}@sha256:{}",
        image.split('@').next().unwrap(),
        "0".repeat(64)
    );
    fails_and_is_rolled_back(
        &cluster,
        &local(),
        Some(&missing),
        &[
            "the image cannot be pulled: Failed to pull image",
            "not found",
            "Rolled back",
        ],
    );
    fails_and_is_rolled_back(
        &cluster,
        &changed("crashing", "env: [{name: APP_LISTEN, value: nonsense}]"),
        None,
        &[
            "crash loop",
            "exit code 2",
            "invalid address `nonsense`",
            "Rolled back",
        ],
    );
    fails_and_is_rolled_back(
        &cluster,
        &changed("unstartable", "command: [/missing]"),
        None,
        &[
            "container rust-app",
            "exec: \"/missing\": stat /missing: no such file or directory",
            "Rolled back",
        ],
    );
    fails_and_is_rolled_back(
        &cluster,
        &without_volume(),
        None,
        &[
            "its containers cannot be created yet: MountVolume.SetUp failed for volume \"key\"",
            "secret \"missing\" not found",
            "Rolled back",
        ],
    );
    fails_and_is_rolled_back(
        &cluster,
        &changed("deaf", "env: [{name: APP_LISTEN, value: \"0.0.0.0:5001\"}]"),
        None,
        &["Startup probe failed", "connection refused", "Rolled back"],
    );
    fails_and_is_rolled_back(
        &cluster,
        &changed("huge", "resources: {requests: {cpu: \"1000\"}}"),
        None,
        &["unschedulable: ", "Insufficient cpu", "Rolled back"],
    );
    fails_and_is_rolled_back(
        &cluster,
        &changed(
            "unrestricted",
            "securityContext: {allowPrivilegeEscalation: true}",
        ),
        None,
        &[
            "no pod can be created",
            "violates PodSecurity",
            "Rolled back",
        ],
    );
}

fn with_worker(name: &str, container: &str) -> PathBuf {
    cluster::with_worker(Path::new(env!("CARGO_TARGET_TMPDIR")), name, container)
}

/// A worker that the load balancer does not know is part of the release, too.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn every_deployment_is_waited_for_and_rolled_back() {
    let cluster = Cluster::connect();
    cluster.undeploy();
    let image = |cluster: &Cluster| {
        let path = "-o=jsonpath={.spec.template.spec.containers[0].env}";
        cluster.run(&["get", "deployment", "a-worker", "-n", NAMESPACE, path])
    };
    let (_, printed) = cluster
        .deploy(&with_worker("worker", "env: [{name: X, value: one}]"), &[])
        .succeeded();
    for expected in [
        "rust-app: Rolled out revision 1 to 3 pods",
        "a-worker: Rolled out revision 1 to 1 pod\n",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
    let before = image(&cluster);
    fails_and_is_rolled_back(
        &cluster,
        &with_worker(
            "broken-worker",
            "env: [{name: APP_LISTEN, value: nonsense}]",
        ),
        None,
        &[
            "deployment a-worker is not ready",
            "container worker: crash loop",
            "Rolling a-worker back to revision 1",
            "Rolled back",
        ],
    );
    assert_eq!(image(&cluster), before);
    cluster.undeploy_overlay(&with_worker("worker", ""));
}

/// A rollback restores the Service that users connect to, not only the pods.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_rollback_restores_the_service() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let service = || {
        let path = "-o=jsonpath={.spec.ports[*].port} {.metadata.annotations}";
        cluster.run(&["get", "service", "rust-app-service", "-n", NAMESPACE, path])
    };
    let before = service();
    assert!(before.starts_with("80 "), "{before}");
    let image = cluster.field(".spec.template.spec.containers[0].image");
    let name = image.split('@').next().unwrap();
    let missing = format!("{name}@sha256:{}", "0".repeat(64));
    let overlay = patched(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        "another-port",
        "Service",
        "- op: replace\n  path: /spec/ports/0/port\n  value: 8080\n\
         - op: add\n  path: /metadata/annotations\n  value: {example.com/added: now}\n",
    );
    let deployed = cluster.deploy_image(&overlay, &missing, &[]);
    assert_eq!(deployed.code, Some(1), "{}", deployed.stderr);
    assert!(
        deployed.stderr.contains("Rolled back"),
        "{}",
        deployed.stderr
    );
    assert_eq!(service(), before);
    let answer = ureq::get(format!("http://{}/", cluster.address().ip())).call();
    assert_eq!(answer.unwrap().status(), 200);
    // A later deploy still owns the fields that it applies.
    let (_, printed) = cluster.deploy(&local(), &[]).succeeded();
    assert!(printed.contains("Nothing to roll out"), "{printed}");
    assert_eq!(service(), before);
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_missing_load_balancer_is_reported() {
    let cluster = Cluster::connect();
    cluster.undeploy();
    let overlay = patched(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        "unbalanced",
        "Service",
        "apiVersion: v1\nkind: Service\nmetadata: {name: rust-app-service, namespace: rust-app}\n\
         spec: {loadBalancerClass: example.com/nobody}\n",
    );
    let deployed = cluster.deploy(&overlay, &["--balancer-timeout", "5s"]);
    assert_eq!(deployed.code, Some(1), "{}", deployed.stderr);
    assert!(
        deployed.stderr.contains("the load balancer has no address"),
        "{}",
        deployed.stderr
    );
    assert!(
        deployed.stderr.contains("no earlier revision"),
        "{}",
        deployed.stderr
    );
    cluster.undeploy();
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn rollouts_scaling_deletions_and_a_node_drain_lose_no_request() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let began = Instant::now();
    let ((), losses) = under_load(cluster.address(), 3200, |sent| {
        for _ in 0..5 {
            cluster.restart();
        }
        cluster.scale(8);
        cluster.scale(3);
        for _ in 0..3 {
            cluster.delete_a_pod();
        }
        drain_the_node(&cluster);
        while sent() < REQUESTS {
            cluster.restart();
        }
    })
    .unwrap();
    println!(
        "{:.0?}\nkept-alive: {}\none-shot: {}",
        began.elapsed(),
        losses.kept,
        losses.one_shot
    );
    assert!(losses.sent() >= REQUESTS);
    assert_eq!(losses.failed(), 0, "{}\n{}", losses.kept, losses.one_shot);
}

/// With only one node, the disruption budget lets one pod be evicted, its replacement stays pending, and
/// the drain times out on the others, as it does on EKS when capacity is short.
fn drain_the_node(cluster: &Cluster) {
    let nodes = cluster.run(&["get", "nodes", "-o=jsonpath={.items[*].metadata.name}"]);
    let selector = format!("--pod-selector={SELECTOR}");
    for node in nodes.split(' ') {
        let drained = cluster.kubectl.run(&[
            "drain",
            node,
            &selector,
            "--ignore-daemonsets",
            "--timeout=25s",
        ]);
        if !nodes.contains(' ') {
            assert!(
                drained.is_err(),
                "one node was drained of all pods, against the budget"
            );
            let left = cluster.run(&[
                "get",
                "pods",
                "-n",
                NAMESPACE,
                "-l",
                SELECTOR,
                "--field-selector=status.phase=Running",
                "-o=name",
            ]);
            assert_eq!(
                left.lines().count(),
                2,
                "the budget protects all but one: {left}"
            );
        }
        cluster.run(&["uncordon", node]);
        cluster.wait_for_rollout();
    }
}

/// Negative control: the same rollout without a drain has to lose requests.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn without_the_drain_requests_are_lost() {
    let cluster = Cluster::connect();
    let off = drainless(Path::new(env!("CARGO_TARGET_TMPDIR")));
    cluster.deploy(&off, &[]).succeeded();
    let ((), losses) = under_load(cluster.address(), 2500, |_| {
        for _ in 0..3 {
            cluster.restart();
        }
        std::thread::sleep(Duration::from_secs(1));
    })
    .unwrap();
    println!("kept-alive: {}\none-shot: {}", losses.kept, losses.one_shot);
    assert!(
        losses.failed() > 0,
        "0 of {} requests failed without the drain",
        losses.sent()
    );
    cluster.deploy(&local(), &[]).succeeded();
}
