//! Probes over HTTPS and gRPC, of servers that speak them.

use std::net::SocketAddr;

use e2e::containerd::{Image, Nodectl, health_program, manifest};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{World, eventually, get};

/// The readiness probe of [`manifest`].
const READINESS: &str = "readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}";
/// The liveness probe of [`manifest`].
const LIVENESS: &str = "livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}";

/// [`manifest`] with other probes.
fn with_probes(readiness: &str, liveness: &str) -> String {
    let manifest = manifest(1, &[]);
    assert!(manifest.contains(READINESS) && manifest.contains(LIVENESS));
    manifest
        .replace(READINESS, &format!("readinessProbe: {readiness}"))
        .replace(LIVENESS, &format!("livenessProbe: {liveness}"))
}

/// Runs it with the image of `fixtures/health.rs`.
fn with_health(world: &World, manifest: &str) -> Nodectl {
    Image::new("health:1")
        .with_libraries("health", &health_program())
        .config(json!({"Entrypoint": ["/health"], "User": "65532"}))
        .write(&world.daemon.path("image"));
    world.up(&manifest.replace("image: pod:1", "image: health:1"))
}

/// The only container of the only pod, from `ps`.
fn container(world: &World) -> Value {
    world.ps()["pods"][0]["containers"][0].clone()
}

fn stop(up: Nodectl) {
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_pod_is_ready_by_https_and_alive_by_grpc() {
    let world = World::new();
    let https = "{httpGet: {scheme: HTTPS, path: /healthz, port: 8443}, periodSeconds: 1}";
    let mut up = with_health(
        &world,
        &with_probes(https, "{grpc: {port: 5051}, periodSeconds: 1}"),
    );
    up.wait_for("all ready: 1 pod", 1);
    stop(up);
    // The same with the protocols swapped.
    let mut up = with_health(
        &world,
        &with_probes(
            "{grpc: {port: 5051, service: \"\"}, periodSeconds: 1}",
            https,
        ),
    );
    up.wait_for("all ready: 1 pod", 1);
    stop(up);
}

#[test]
fn a_container_that_fails_an_https_or_grpc_probe_is_restarted() {
    let world = World::new();
    for (liveness, reason) in [
        (
            "httpGet: {scheme: HTTPS, path: /missing, port: 8443}",
            ":8443/missing: status 404",
        ),
        (
            "httpGet: {scheme: HTTPS, path: /healthz, port: 5051}",
            "GET https://",
        ),
        (
            "grpc: {port: 5051, service: sick}",
            ":5051: status 2, not SERVING",
        ),
        ("grpc: {port: 5051, service: nosuch}", "grpc "),
        ("grpc: {port: 8443}", "grpc "),
    ] {
        // Not before it listens on its last port.
        let ready = "{tcpSocket: {port: 5051}, periodSeconds: 1}\n          \
                     startupProbe: {tcpSocket: {port: 5051}, failureThreshold: 99, periodSeconds: 1}";
        let failing = format!("{{{liveness}, periodSeconds: 1, failureThreshold: 1}}");
        let mut up = with_health(&world, &with_probes(ready, &failing));
        up.wait_for("container web is unhealthy: liveness probe: ", 1);
        up.wait_for("container web started", 2);
        let printed = up.printed();
        let why = printed.lines().find(|line| line.contains("is unhealthy"));
        assert!(
            why.is_some_and(|why| why.contains(reason)),
            "{liveness}: {why:?}"
        );
        stop(up);
    }
}

#[test]
fn a_readiness_probe_follows_redirects() {
    let world = World::new();
    let redirected = READINESS.replace("/readyz", "/redirect/readyz");
    let mut up = world.up(&manifest(1, &[]).replace(READINESS, &redirected));
    up.wait_for("all ready: 1 pod", 1);
    world.get("/unready");
    up.wait_for(": not ready", 1);
    stop(up);
}

#[test]
fn a_pod_is_ready_again_after_success_threshold_successes() {
    let world = World::new();
    let patient = READINESS.replace("periodSeconds: 1", "periodSeconds: 1, successThreshold: 3");
    let mut up = world.up(&manifest(1, &[]).replace(READINESS, &patient));
    up.wait_for("all ready: 1 pod", 1);
    // Bypassing the load balancer, which has no endpoint while this pod is not ready.
    let ip = world.ps()["pods"][0]["ip"].as_str().unwrap().to_owned();
    let pod: SocketAddr = format!("{ip}:5000").parse().unwrap();
    get(pod, "/unready");
    up.wait_for(": not ready", 1);
    get(pod, "/ready");
    up.wait_for("all ready: 1 pod", 2);
    let passed: u32 = get(pod, "/passed").parse().unwrap();
    assert!(passed >= 3, "ready after {passed} successes");
    stop(up);
}

#[test]
fn ps_shows_why_a_pod_is_not_ready() {
    let world = World::new();
    let silent = "{httpGet: {path: /readyz, port: 1}, periodSeconds: 1, failureThreshold: 1000}";
    let up = world.up(&manifest(1, &[]).replace(READINESS, &format!("readinessProbe: {silent}")));
    // Long before the probe reaches its failureThreshold.
    let never = eventually("ps has the reason", || {
        let one = container(&world);
        let reason = one["reason"].as_str()?;
        let of_probe = reason.starts_with("readiness probe: GET http://");
        (of_probe && reason.contains(":1/readyz: ")).then_some(one)
    });
    assert_eq!(never["ready"], false, "{never}");
    stop(up);

    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let ready = eventually("ps shows it as ready", || {
        Some(container(&world)).filter(|one| one["ready"] == true)
    });
    assert_eq!(ready["reason"], Value::Null);
    let table = Nodectl::run(&world.daemon, &["ps"]).stdout;
    let words = |row: usize| table.lines().nth(row).unwrap().split_whitespace();
    let column = words(0).position(|name| name == "READY").unwrap();
    assert_eq!(words(1).nth(column), Some("yes"), "{table}");

    let ip = world.ps()["pods"][0]["ip"].as_str().unwrap().to_owned();
    get(format!("{ip}:5000").parse().unwrap(), "/unready");
    up.wait_for(
        "container web is not ready: readiness probe: GET http://",
        1,
    );
    let unready = eventually("ps shows it as not ready", || {
        Some(container(&world)).filter(|one| one["ready"] == false)
    });
    let reason = unready["reason"].as_str().unwrap();
    assert!(reason.ends_with("/readyz: status 503"), "{reason}");
    assert_eq!(unready["state"], "running");
    // Without `up`, nothing probes it.
    up.signal(Signal::KILL);
    up.wait();
    assert_eq!(container(&world)["ready"], Value::Null);
    assert_eq!(world.ps()["pods"][0]["ready"], Value::Null);
}

#[test]
fn a_failed_command_is_reported_with_its_first_line() {
    let world = World::new();
    let exec = "{exec: {command: [/pod, say, no such table, \"7\"]}, periodSeconds: 1, failureThreshold: 1}";
    let mut up = world.up(&manifest(1, &[]).replace(READINESS, &format!("readinessProbe: {exec}")));
    up.wait_for(
        "readiness probe: `/pod say no such table 7` exited with 7: no such table",
        1,
    );
    stop(up);
}
