//! Manifests as public projects write them, run with images of the tests in place of the projects' own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use e2e::containerd::{Image, Nodectl, health_program, pod_program};
use rustix::process::Signal;
use serde_json::json;
use test_programs::free_port;

use crate::world::{World, get};

/// A manifest of nodectl's own tests, which check the messages about each.
fn public(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../nodectl/tests/manifests/public")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// An image whose web server listens on a port.
fn web(name: &str, port: u16) -> Image {
    Image::new(name)
        .with("pod", pod_program())
        .config(json!({"Entrypoint": ["/pod"], "Env": [format!("PORT={port}")]}))
}

fn up(world: &World, images: &[Image], manifest: &str, publish: &[String]) -> Nodectl {
    for image in images {
        image.write(&world.daemon.path("image"));
    }
    let mut args = vec!["--images", &world.layout];
    args.extend(publish.iter().flat_map(|port| ["--publish", port.as_str()]));
    Nodectl::up(&world.daemon, manifest, &args)
}

fn stop(up: Nodectl) {
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// The names of the pods that answer; fails unless exactly `pods` do.
fn names(port: u16, pods: usize) -> BTreeSet<String> {
    let names: BTreeSet<_> = (0..10 * pods).map(|_| get(local(port), "/")).collect();
    assert_eq!(names.len(), pods, "{names:?}");
    names
}

/// How many pods each Deployment has.
fn deployments(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for pod in world.ps()["pods"].as_array().unwrap() {
        let deployment = pod["deployment"].as_str().unwrap();
        *counts.entry(deployment.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn the_guestbook_runs_all_its_pods_and_answers_by_its_frontend() {
    let world = World::new();
    let images = [
        web("docker.io/redis:6.0.5", 6379),
        web("registry.example.com/guestbook/follower:v2", 6379),
        web("registry.example.com/guestbook/frontend:v5", 80),
    ];
    let port = free_port();
    let publish = [format!("{port}:80")];
    let mut up = up(&world, &images, &public("guestbook.yaml"), &publish);
    // Its pods rely on DNS names of Services; `up` warns before they start.
    up.wait_for("there are no Service names", 1);
    up.wait_for("all ready: 6 pods", 1);
    // The leader's selector matches the followers' labels too.
    let expected = [("frontend", 3), ("store-follower", 2), ("store-leader", 1)];
    let expected = expected.map(|(name, pods)| (name.to_owned(), pods));
    assert_eq!(deployments(&world), BTreeMap::from(expected));
    let names = names(port, 3);
    assert!(
        names.iter().all(|name| name.starts_with("frontend-")),
        "{names:?}"
    );
    stop(up);
}

#[test]
fn podinfo_is_probed_by_commands_of_its_image() {
    let world = World::new();
    // It is started by a path relative to its directory, and probed by a name on its PATH.
    let image = Image::new("ghcr.io/example/podinfo:6.7.0")
        .with("home/app/podinfo", pod_program())
        .with("usr/local/bin/podcli", pod_program())
        .config(json!({
            "Env": ["PATH=/usr/bin:/usr/local/bin"],
            "User": "100:101",
            "WorkingDir": "/home/app",
        }));
    let port = free_port();
    let publish = [format!("{port}:podinfo:9898")];
    // Its own probes would take half a minute to notice.
    let delay = "            initialDelaySeconds: 5\n";
    let quick = "            periodSeconds: 1\n";
    let manifest = public("podinfo.yaml");
    assert_eq!(manifest.matches(delay).count(), 2);
    let mut up = up(&world, &[image], &manifest.replace(delay, quick), &publish);
    up.wait_for("HorizontalPodAutoscaler", 1);
    up.wait_for("all ready: 1 pod", 1);
    assert_eq!(get(local(port), "/env/PODINFO_UI_COLOR"), "#34577c");
    get(local(port), "/sick");
    up.wait_for(
        "`podcli check http localhost:9898/healthz` exited with 1",
        1,
    );
    up.wait_for(": ready", 2);
    stop(up);
}

#[test]
fn the_boutique_is_refused_for_its_init_container_and_runs_without_it() {
    let world = World::new();
    let image = Image::new("registry.example.com/boutique/checkout:v0.10.1")
        .with_libraries("health", &health_program())
        .config(json!({"Entrypoint": ["/health"]}));
    image.write(&world.daemon.path("image"));
    let whole = public("boutique.yaml");
    let args = ["up", "-f", "-", "--images", &world.layout];
    let refused = Nodectl::run_with_input(&world.daemon, &args, &whole);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let path = "Deployment `loadgenerator`: spec.template.spec.initContainers";
    assert!(refused.stderr.contains(path), "{}", refused.stderr);
    let documents = whole.split("---\n");
    let shop: Vec<_> = documents
        .filter(|document| !document.contains("name: loadgenerator"))
        .collect();
    let port = free_port();
    let publish = [format!("{port}:5050")];
    let mut up = up(&world, &[image], &shop.join("---\n"), &publish);
    up.wait_for("all ready: 1 pod", 1);
    stop(up);
}

#[test]
fn services_of_bookinfo_have_one_port_and_are_published_by_name() {
    let world = World::new();
    let images = ["details-v1", "reviews-v1", "reviews-v2", "productpage-v1"]
        .map(|service| web(&format!("docker.io/example/bookinfo-{service}:1.20"), 9080));
    let ports = [free_port(), free_port(), free_port()];
    let services = ["details", "reviews", "productpage"];
    let publish: Vec<_> = ports
        .iter()
        .zip(services)
        .map(|(port, service)| format!("{port}:{service}:9080"))
        .collect();
    let manifest = public("bookinfo.yaml");
    let mut up = up(&world, &images, &manifest, &publish);
    up.wait_for("all ready: 4 pods", 1);
    for ((port, service), pods) in ports.into_iter().zip(services).zip([1, 2, 1]) {
        for name in names(port, pods) {
            assert!(
                name.starts_with(&format!("{service}-v")),
                "{service}: {name}"
            );
        }
    }
    // Both versions are behind the one Service, and write to scratch space of their own.
    let reviews = names(ports[1], 2);
    for version in ["reviews-v1-", "reviews-v2-"] {
        assert!(
            reviews.iter().any(|name| name.starts_with(version)),
            "{reviews:?}"
        );
    }
    assert_eq!(get(local(ports[1]), "/write/opt/output/x"), "written");
    stop(up);
    // The port alone is ambiguous.
    let args = [
        "up",
        "-f",
        "-",
        "--images",
        &world.layout,
        "--publish",
        "0:9080",
    ];
    let refused = Nodectl::run_with_input(&world.daemon, &args, &manifest);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let listed = "name one: details:9080, reviews:9080, productpage:9080";
    assert!(refused.stderr.contains(listed), "{}", refused.stderr);
}

#[test]
fn a_chart_with_most_values_unset_runs() {
    let world = World::new();
    let port = free_port();
    let publish = [format!("{port}:80")];
    let image = web("docker.io/library/nginx:1.25", 80);
    let mut up = up(&world, &[image], &public("chart.yaml"), &publish);
    up.wait_for("spec.template.spec.affinity", 1);
    up.wait_for("all ready: 1 pod", 1);
    assert!(
        names(port, 1)
            .iter()
            .all(|name| name.starts_with("release-chart-"))
    );
    stop(up);
}
