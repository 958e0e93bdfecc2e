//! Containers that are paused by another program.

use e2e::containerd::{Inventory, manifest};
use rustix::process::Signal;

use crate::world::World;

#[test]
fn a_paused_container_is_shown_so_adopted_and_stopped() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    // A failing liveness probe would restart the container.
    let liveness = "livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}";
    let manifest = manifest(1, &[]).replace(liveness, "");
    let mut up = world.up(&manifest);
    up.wait_for("all ready: 1 pod", 1);
    let running = world.running();
    let id = running[0].0.clone();
    let state = || world.ps()["pods"][0]["containers"][0]["state"].clone();
    assert_eq!(state(), "running");
    world
        .daemon
        .ctr(&["--namespace", "nodectl", "tasks", "pause", &id]);
    assert_eq!(state(), "paused");
    up.wait_for(": not ready", 1);
    // It has not exited, so the next nodectl does not restart it.
    up.signal(Signal::KILL);
    up.wait();
    let mut up = world.up(&manifest);
    up.wait_for("adopted, it kept running", 1);
    assert_eq!(
        (state(), world.running()),
        ("paused".into(), running.clone())
    );
    world
        .daemon
        .ctr(&["--namespace", "nodectl", "tasks", "resume", &id]);
    up.wait_for("all ready: 1 pod", 1);
    assert_eq!((state(), world.running()), ("running".into(), running));
    // Frozen, it does not see SIGTERM, and is killed after its grace period.
    world
        .daemon
        .ctr(&["--namespace", "nodectl", "tasks", "pause", &id]);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}
