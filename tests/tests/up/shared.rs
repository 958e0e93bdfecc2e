//! The namespaces that a pod's containers share, and the reasons shown for containers that cannot run.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use e2e::containerd::{Inventory, Nodectl, manifest};
use rustix::process::Signal;
use serde_json::Value;

use crate::world::{World, eventually, get, kill};

/// The process of the only pod's container called `name`.
fn process(world: &World, name: &str) -> u64 {
    eventually("the container runs", || {
        let ps = world.ps();
        let containers = ps["pods"][0]["containers"].as_array()?.clone();
        let mut of_name = containers.iter().filter(|one| one["name"] == name);
        of_name.find_map(|one| one["pid"].as_u64())
    })
}

fn ipc(pid: u64) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/ipc")).unwrap()
}

#[test]
fn containers_of_a_pod_share_ipc_and_dev_shm_across_restarts() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let side = "      containers:\n        - name: side\n          image: pod:1\n          \
                env: [{name: PORT, value: \"5001\"}]\n";
    let mut up = world.up(&manifest(1, &[]).replace("      containers:\n", side));
    up.wait_for("all ready: 1 pod", 1);
    let ip = world.ps()["pods"][0]["ip"].as_str().unwrap().to_owned();
    let at = |port: u16| -> SocketAddr { format!("{ip}:{port}").parse().unwrap() };
    assert_eq!(get(at(5000), "/write/dev/shm/x"), "written");
    // This one has no probe, so the pod may be ready before it listens.
    eventually("the other container sees what was written", || {
        (get(at(5001), "/read/dev/shm/x") == "written").then_some(())
    });
    let mounts = get(at(5001), "/read/proc/mounts");
    let shm = mounts.lines().find(|line| line.contains(" /dev/shm "));
    for option in ["size=65536k", "nosuid", "nodev", "noexec"] {
        assert!(shm.is_some_and(|shm| shm.contains(option)), "{shm:?}");
    }
    let shared = ipc(process(&world, "web"));
    assert_eq!(ipc(process(&world, "side")), shared);
    assert_ne!(ipc(std::process::id().into()), shared);
    // Neither depends on the container that was started first.
    for name in ["side", "web"] {
        let old = process(&world, name);
        kill(old);
        up.wait_for(&format!("container {name} started"), 2);
        let new = eventually("it is started again", || {
            Some(process(&world, name)).filter(|new| *new != old)
        });
        assert_eq!(ipc(new), shared);
        let port = if name == "web" { 5000 } else { 5001 };
        eventually("it sees what was written before", || {
            (get(at(port), "/read/dev/shm/x") == "written").then_some(())
        });
    }
    up.signal(Signal::KILL);
    up.wait();
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn an_oom_killed_container_is_shown_as_such() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    for round in 1..=2 {
        up.wait_for("all ready: 1 pod", round);
        world.get("/eat");
        up.wait_for("container web exited with 137 (OOMKilled", round);
    }
    let reason = |world: &World| world.ps()["pods"][0]["containers"][0]["reason"].clone();
    eventually("ps shows it", || {
        (reason(&world) == "OOMKilled").then_some(())
    });
    let ps = Nodectl::run(&world.daemon, &["ps"]);
    assert!(ps.stdout.contains("OOMKilled"), "{}", ps.stdout);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_pod_whose_container_cannot_start_is_shown_with_the_reason() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let image = "          image: pod:1\n";
    let command = format!("{image}          command: [/missing]\n");
    let mut up = world.up(&manifest(1, &[]).replace(image, &command));
    up.wait_for("/missing", 1);
    let container = eventually("ps shows it", || {
        let container = world.ps()["pods"][0]["containers"][0].clone();
        let reason = container["reason"].as_str().unwrap_or_default();
        reason.contains("/missing").then_some(container)
    });
    assert_eq!(container["state"], "waiting");
    assert_eq!(container["pid"], Value::Null);
    let ps = Nodectl::run(&world.daemon, &["ps"]);
    assert!(ps.stdout.contains("StartError"), "{}", ps.stdout);
    assert!(ps.stdout.contains("/missing"), "{}", ps.stdout);
    let pod = world.ps()["pods"][0]["name"].as_str().unwrap().to_owned();
    let logs = Nodectl::run(&world.daemon, &["logs", &pod]);
    assert_eq!(logs.code, Some(1), "{}", logs.stderr);
    let printed = format!("error: container `web` of pod `{pod}` has not started: ");
    assert!(
        logs.stderr.starts_with(&printed) && logs.stderr.contains("/missing"),
        "{}",
        logs.stderr
    );
    let unknown = Nodectl::run(&world.daemon, &["logs", &pod, "-c", "other"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    // Only the running `up` knows the reason.
    up.signal(Signal::KILL);
    up.wait();
    assert_eq!(world.ps()["pods"], serde_json::json!([]));
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}
