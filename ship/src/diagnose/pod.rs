//! Why a pod of the newest revision does not serve.

use serde_json::Value;

use super::finding::{Cause, message};
use crate::kubectl::{items, text};
use crate::snapshot::Snapshot;

/// The restarts that make a crash loop: the first crash may be a dependency's fault.
const CRASHES: u64 = 2;

/// The first cause that explains the state of a pod. `gated` is whether it should have readiness gates.
pub(super) fn cause(snapshot: &Snapshot, pod: &Value, gated: bool) -> Option<Cause> {
    missing_gate(pod, gated)
        .or_else(|| unschedulable(pod))
        .or_else(|| unready(pod).find_map(|container| not_started(snapshot, pod, container)))
        .or_else(|| crash_loop(snapshot, pod))
        .or_else(|| not_ready(snapshot, pod))
}

/// Gates are added when a pod is created, never to an existing pod.
fn missing_gate(pod: &Value, gated: bool) -> Option<Cause> {
    let present = pod["spec"]["readinessGates"].as_array();
    (gated && present.is_none_or(Vec::is_empty)).then_some(Cause::NoGate)
}

fn unschedulable(pod: &Value) -> Option<Cause> {
    let scheduled = condition(pod, "PodScheduled")?;
    (scheduled["reason"] == "Unschedulable").then(|| Cause::Unschedulable {
        message: message(scheduled),
    })
}

/// Why a container waits to be created.
fn not_started(snapshot: &Snapshot, pod: &Value, container: &Value) -> Option<Cause> {
    let waiting = &container["state"]["waiting"];
    match waiting["reason"].as_str()? {
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" => {
            // A back-off's message does not state the reason; the earlier event does.
            let mut messages = snapshot.warnings(pod).map(message);
            let failed = messages.find(|message| message.starts_with("Failed to pull image"));
            Some(Cause::ImagePull {
                message: failed.unwrap_or_else(|| message(waiting)),
            })
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(Cause::Container {
                name: text(&container["name"]),
                message: message(waiting),
            })
        }
        _ => None,
    }
}

fn crash_loop(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    let restarts = |container: &Value| container["restartCount"].as_u64().unwrap_or_default();
    // A container that a probe keeps killing looks like a crash loop; the probe is the cause.
    let container = unready(pod).find(|container| {
        restarts(container) >= CRASHES && !is_killed_by_probe(snapshot, pod, container)
    })?;
    let last = &container["lastState"]["terminated"];
    let terminated = match (last["reason"].as_str(), last["exitCode"].as_i64()) {
        (Some("OOMKilled"), _) => "OOMKilled: it used more memory than its limit".to_owned(),
        (_, Some(code)) => format!("exit code {code}"),
        _ => "an unknown state".to_owned(),
    };
    Some(Cause::CrashLoop {
        name: text(&container["name"]),
        is_init: items(&pod["status"]["initContainerStatuses"]).any(|init| init == container),
        restarts: restarts(container),
        terminated,
    })
}

fn is_killed_by_probe(snapshot: &Snapshot, pod: &Value, container: &Value) -> bool {
    let is_killing = |event: &Value| {
        event["reason"] == "Killing"
            && event["involvedObject"]["uid"] == pod["metadata"]["uid"]
            && is_about(event, container)
            && message(event).contains("failed")
    };
    failed_probe(snapshot, pod, container).is_some() && snapshot.events.iter().any(is_killing)
}

/// Why a pod whose containers run is not ready: a readiness gate, or else a probe.
fn not_ready(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    if is_true(pod, "Ready") {
        return None;
    }
    if !is_true(pod, "ContainersReady") {
        return unready(pod).find_map(|container| {
            let message = failed_probe(snapshot, pod, container)?;
            let name = text(&container["name"]);
            Some(Cause::Probe { name, message })
        });
    }
    let mut gates = items(&pod["spec"]["readinessGates"]).map(|gate| text(&gate["conditionType"]));
    let condition = gates.find(|kind| !is_true(pod, kind))?;
    Some(Cause::Gate { condition })
}

/// The message of the last failure of a container's probe.
fn failed_probe(snapshot: &Snapshot, pod: &Value, container: &Value) -> Option<String> {
    let mut warnings = snapshot.warnings(pod);
    warnings
        .find(|event| event["reason"] == "Unhealthy" && is_about(event, container))
        .map(message)
}

/// Whether an event of a pod is about a container: the kubelet names it as `spec.containers{NAME}`.
fn is_about(event: &Value, container: &Value) -> bool {
    let path = text(&event["involvedObject"]["fieldPath"]);
    path.ends_with(&format!("{{{}}}", text(&container["name"])))
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&pod["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

fn is_true(pod: &Value, kind: &str) -> bool {
    condition(pod, kind).is_some_and(|condition| condition["status"] == "True")
}

/// The statuses of the containers that are not ready. Those of init containers come first, since the others wait
/// for them; a cluster may have added containers of either kind.
fn unready(pod: &Value) -> impl Iterator<Item = &Value> {
    let status = &pod["status"];
    items(&status["initContainerStatuses"])
        .chain(items(&status["containerStatuses"]))
        .filter(|container| container["ready"] != true)
}
