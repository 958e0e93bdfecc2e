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
        .or_else(|| not_provisioned(snapshot, pod))
        .or_else(|| unschedulable(pod))
        .or_else(|| unready(pod).find_map(|container| not_started(snapshot, pod, &container)))
        .or_else(|| not_prepared(snapshot, pod))
        .or_else(|| crash_loop(snapshot, pod))
        .or_else(|| not_ready(snapshot, pod))
}

/// Gates are added when a pod is created, never to an existing pod.
fn missing_gate(pod: &Value, gated: bool) -> Option<Cause> {
    let present = pod["spec"]["readinessGates"].as_array();
    (gated && present.is_none_or(Vec::is_empty)).then_some(Cause::NoGate)
}

/// Why a claim of a pod that has no node has no volume. With `WaitForFirstConsumer`, volumes are created once a
/// node is chosen, and the scheduler waits for them.
fn not_provisioned(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    if !pod["spec"]["nodeName"].is_null() {
        return None;
    }
    let pod_name = text(&pod["metadata"]["name"]);
    let claims: Vec<_> = items(&pod["spec"]["volumes"])
        .filter_map(|volume| {
            let claim = volume["persistentVolumeClaim"]["claimName"].as_str();
            // https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming
            let is_ephemeral = !volume["ephemeral"].is_null();
            let ephemeral = is_ephemeral.then(|| format!("{pod_name}-{}", text(&volume["name"])));
            claim.map(str::to_owned).or(ephemeral)
        })
        .collect();
    claims.iter().find_map(|claim| {
        let about = |event: &&Value| {
            let object = &event["involvedObject"];
            object["kind"] == "PersistentVolumeClaim" && object["name"] == *claim.as_str()
        };
        let mut events = snapshot.events.iter().rev().filter(about);
        let last = events.find_map(|event| match event["reason"].as_str()? {
            "ProvisioningFailed" => Some(Some(event)),
            "ProvisioningSucceeded" => Some(None),
            _ => None,
        });
        last.flatten().map(|event| Cause::NotPrepared {
            message: format!("claim {claim}: {}", message(event)),
        })
    })
}

fn unschedulable(pod: &Value) -> Option<Cause> {
    let scheduled = condition(pod, "PodScheduled")?;
    // `SchedulerError` if something took too long after a node was chosen, such as creating a volume.
    let is_failure = matches!(
        scheduled["reason"].as_str(),
        Some("Unschedulable" | "SchedulerError")
    );
    is_failure.then(|| Cause::Unschedulable {
        message: message(scheduled),
    })
}

/// Why a container waits to be created, by the kubelet's reasons. Those of images are in
/// <https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/images/types.go> and
/// <https://github.com/kubernetes/cri-api/blob/v0.36.0/pkg/errors/errors.go>, those of containers in
/// <https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/kuberuntime/kuberuntime_container.go>.
fn not_started(snapshot: &Snapshot, pod: &Value, container: &Container<'_>) -> Option<Cause> {
    let waiting = &container.status["state"]["waiting"];
    match waiting["reason"].as_str()? {
        "ImagePullBackOff"
        | "ErrImagePull"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => {
            // A back-off's message does not state the reason; the earlier event does.
            let mut messages = snapshot.warnings(pod).map(message);
            let failed = messages.find(|message| message.starts_with("Failed to pull image"));
            Some(Cause::ImagePull {
                message: failed.unwrap_or_else(|| message(waiting)),
            })
        }
        reason => {
            let failure = match reason {
                "CreateContainerConfigError" | "CreateContainerError" | "PreCreateHookError" => {
                    "cannot be created"
                }
                "PreStartHookError" | "RunContainerError" => "cannot be started",
                "PostStartHookError" => "was stopped, since its postStart hook failed",
                _ => return None,
            };
            Some(Cause::Container {
                name: container.name(),
                failure,
                message: message(waiting),
            })
        }
    }
}

/// Why no container can be created yet: of the pod's volumes, its network and its images, the last event is about one
/// of the former. Containers wait in the same states for all of them.
///
/// The reasons of events are the kubelet's and the volume controller's:
/// <https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/events/event.go>.
fn not_prepared(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    let waits = |container: Container<'_>| {
        let reason = &container.status["state"]["waiting"]["reason"];
        reason == "ContainerCreating" || reason == "PodInitializing"
    };
    if !unready(pod).any(waits) {
        return None;
    }
    let mut attached = Vec::new();
    let failed = snapshot.events_about(pod).find_map(|event| {
        let is_failure = match event["reason"].as_str()? {
            "SuccessfulAttachVolume" => {
                attached.push(volume(event));
                return None;
            }
            "FailedAttachVolume" if attached.contains(&volume(event)) => return None,
            "FailedAttachVolume"
            | "FailedCreatePodSandBox"
            | "FailedMapVolume"
            | "FailedMount"
            | "FailedPrepareDynamicResources"
            | "NetworkNotReady" => true,
            "Pulling" | "Pulled" | "Created" | "Started" => false,
            _ => return None,
        };
        Some((event, is_failure))
    });
    let (event, is_failure) = failed?;
    is_failure.then(|| Cause::NotPrepared {
        message: message(event),
    })
}

/// The volume that an event about attaching names in quotes.
fn volume(event: &Value) -> Option<&str> {
    event["message"].as_str()?.split('"').nth(1)
}

fn crash_loop(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    // A container that a probe keeps killing looks like a crash loop; the probe is the cause.
    let container = unready(pod).find(|container| {
        container.restarts() >= CRASHES && !is_killed_by_probe(snapshot, pod, container)
    })?;
    Some(Cause::CrashLoop {
        name: container.name(),
        is_init: container.is_init,
        restarts: container.restarts(),
        terminated: terminated(&container.status["lastState"]["terminated"]),
    })
}

/// How a container terminated. What a program that ran has printed is in its log, which is shown, too.
fn terminated(last: &Value) -> String {
    match (last["reason"].as_str(), last["exitCode"].as_i64()) {
        (Some("OOMKilled"), _) => "OOMKilled: it used more memory than its limit".to_owned(),
        (Some("StartError" | "ContainerCannotRun"), Some(code)) => {
            format!("exit code {code}: {}", message(last))
        }
        (_, Some(code)) => format!("exit code {code}"),
        _ => "an unknown state".to_owned(),
    }
}

fn is_killed_by_probe(snapshot: &Snapshot, pod: &Value, container: &Container<'_>) -> bool {
    let is_killing = |event: &Value| {
        event["reason"] == "Killing"
            && is_about(event, container)
            && message(event).contains("failed")
    };
    failed_probe(snapshot, pod, container).is_some() && snapshot.events_about(pod).any(is_killing)
}

/// Why a pod whose containers run is not ready: a readiness gate, or else a probe.
fn not_ready(snapshot: &Snapshot, pod: &Value) -> Option<Cause> {
    if is_true(pod, "Ready") {
        return None;
    }
    if !is_true(pod, "ContainersReady") {
        return unready(pod).find_map(|container| {
            let message = failed_probe(snapshot, pod, &container)?;
            let name = container.name();
            Some(Cause::Probe { name, message })
        });
    }
    let mut gates = items(&pod["spec"]["readinessGates"]).map(|gate| text(&gate["conditionType"]));
    let kind = gates.find(|kind| !is_true(pod, kind))?;
    // The AWS Load Balancer Controller sets reason and message to those of the target's health.
    let message = condition(pod, &kind).and_then(|condition| {
        let parts = [&condition["reason"], &condition["message"]].map(text);
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    });
    Some(Cause::Gate {
        condition: kind,
        message,
    })
}

/// The message of the last failure of a container's probe.
fn failed_probe(snapshot: &Snapshot, pod: &Value, container: &Container<'_>) -> Option<String> {
    let mut warnings = snapshot.warnings(pod);
    warnings
        .find(|event| event["reason"] == "Unhealthy" && is_about(event, container))
        .map(message)
}

/// Whether an event of a pod is about a container: the kubelet names it as `spec.containers{NAME}`.
fn is_about(event: &Value, container: &Container<'_>) -> bool {
    let path = text(&event["involvedObject"]["fieldPath"]);
    path.ends_with(&format!("{{{}}}", container.name()))
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&pod["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

fn is_true(pod: &Value, kind: &str) -> bool {
    condition(pod, kind).is_some_and(|condition| condition["status"] == "True")
}

/// A container of a pod.
struct Container<'a> {
    status: &'a Value,
    is_init: bool,
}

impl Container<'_> {
    fn name(&self) -> String {
        text(&self.status["name"])
    }

    fn restarts(&self) -> u64 {
        self.status["restartCount"].as_u64().unwrap_or_default()
    }
}

/// The containers that are not ready. Init containers come first, since the others wait for them; a cluster may have
/// added containers of either kind.
fn unready(pod: &Value) -> impl Iterator<Item = Container<'_>> {
    let of = |statuses: &'static str, is_init| {
        items(&pod["status"][statuses]).map(move |status| Container { status, is_init })
    };
    of("initContainerStatuses", true)
        .chain(of("containerStatuses", false))
        .filter(|container| container.status["ready"] != true)
}
