//! `nodectl -k` with sandboxes that a runtime's shim runs: they have no container of their own and are only
//! in containerd's sandbox store. Needs root, containerd, ctr, runc and rustc's musl target.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use e2e::containerd::{Daemon, Kubelet, Nodectl, Sandboxes, shim_of};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

fn pods(daemon: &Daemon) -> Vec<Value> {
    let outcome = Nodectl::run(daemon, &["-k", "pods", "--output", "json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let shown: Value = serde_json::from_str(&outcome.stdout).unwrap();
    shown["pods"].as_array().unwrap().clone()
}

fn find<'a>(pods: &'a [Value], name: &str) -> &'a Value {
    let mut pods = pods.iter();
    pods.find(|pod| pod["name"] == name).unwrap()
}

/// A node with one pod whose sandbox is a container, and one that is only in the sandbox store; `None` for
/// containerd 1.6, which has no such store.
fn store(daemon: &Daemon, kubelet: &Kubelet<'_>) -> Option<Sandboxes> {
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let sandboxes = Sandboxes::new(daemon);
    if sandboxes
        .record("gone", "shop", "web-2", "10.1.0.8")
        .is_some()
    {
        return Some(sandboxes);
    }
    assert_eq!(pods(daemon).len(), 1);
    None
}

#[test]
fn sandboxes_without_a_container_are_those_of_the_sandbox_store() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    let Some(sandboxes) = store(&daemon, &kubelet) else {
        return;
    };
    let started = sandboxes.start("running", "shop", "web-3", "10.1.0.9");
    let shown = pods(&daemon);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(find(&shown, "web-1")["sandbox_state"], "running");

    // No shim runs it, so it has stopped, and its address may be another pod's.
    let gone = find(&shown, "web-2");
    assert_eq!(gone["sandbox_state"], "exited", "{gone}");
    assert_eq!(
        (&gone["sandbox_pid"], &gone["ip"]),
        (&Value::Null, &json!(""))
    );
    assert_eq!(gone["problem"], Value::Null);

    let running = find(&shown, "web-3");
    assert_eq!(running["sandbox_state"], "running", "{running}");
    assert_eq!(
        (&running["sandbox_id"], &running["sandbox_pid"]),
        (&json!("running"), &json!(started.pid))
    );
    assert_eq!(
        (&running["namespace"], &running["uid"]),
        (&json!("shop"), &json!("uid-of-web-3"))
    );
    assert_eq!(
        (&running["ip"], &running["labels"]),
        (&json!("10.1.0.9"), &json!({"app": "web"}))
    );
    assert_eq!(running["created_unix"], started.created_unix);
}

#[test]
fn a_sandbox_whose_shim_does_not_answer_is_stuck_and_no_other() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    let Some(sandboxes) = store(&daemon, &kubelet) else {
        return;
    };
    for (id, pod) in [("stuck", "web-3"), ("running", "web-4")] {
        sandboxes.start(id, "shop", pod, "10.1.0.9");
    }
    let shim = shim_of("stuck");
    kill_process(shim, Signal::STOP).unwrap();
    let shown = pods(&daemon);
    kill_process(shim, Signal::CONT).unwrap();
    let states: Vec<_> = shown
        .iter()
        .map(|pod| pod["sandbox_state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["running", "exited", "stuck", "running"],
        "{shown:?}"
    );
    assert_eq!(
        find(&shown, "web-3")["problem"],
        "its sandbox's shim does not answer"
    );
}
