//! Each state as a real API server reports it, reduced to the fields that are read.

use serde_json::{Value, json};

use super::{Cause, diagnose};
use crate::snapshot::Snapshot;

fn snapshot(pod_status: &Value, events: &[Value]) -> Snapshot {
    let pod = json!({
        "kind": "Pod",
        "metadata": {"name": "app-1", "uid": "p", "ownerReferences": [{"kind": "ReplicaSet", "uid": "r"}]},
        "spec": {"readinessGates": [{"conditionType": "target-health.elbv2.k8s.aws/x"}]},
        "status": pod_status,
    });
    let revision = json!({"deployment.kubernetes.io/revision": "2"});
    let mut items = vec![
        json!({"kind": "Deployment", "metadata": {"name": "app", "uid": "d", "annotations": revision}}),
        json!({"kind": "ReplicaSet", "metadata": {"name": "app-r", "uid": "r", "annotations": revision,
            "ownerReferences": [{"kind": "Deployment", "uid": "d"}]}}),
        json!({"kind": "Service", "metadata": {"name": "svc", "uid": "s"},
            "spec": {"ports": [{"port": 80}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.97.0.1"}]}}}),
        pod,
    ];
    items.extend(events.iter().cloned());
    Snapshot::of(&items, "app", ("Service", "svc"))
}

fn warning(uid: &str, reason: &str, message: &str) -> Value {
    json!({"kind": "Event", "type": "Warning", "reason": reason, "message": message,
        "involvedObject": {"uid": uid, "fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-01-01T00:00:00Z"})
}

#[track_caller]
fn check(status: &Value, events: &[Value], expected: &[&str], is_final: bool) {
    let findings = diagnose(&snapshot(status, events), true);
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
    assert_eq!(
        findings.iter().any(|finding| finding.cause.is_final()),
        is_final
    );
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"containerStatuses": [{"name": "app", "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}}]})
}

#[test]
fn a_pod_that_is_ready_or_just_starting_has_no_finding() {
    check(
        &json!({"conditions": [{"type": "Ready", "status": "True"}]}),
        &[],
        &[],
        false,
    );
    check(&waiting("ContainerCreating", ""), &[], &[], false);
}

#[test]
fn an_image_pull_has_the_registrys_message_instead_of_the_back_offs() {
    let status = waiting("ImagePullBackOff", "Back-off pulling image \"r/x\"");
    let events = [
        warning("p", "Failed", "Error: ErrImagePull"),
        warning("p", "Failed", "Failed to pull image \"r/x\": not found"),
    ];
    let expected = "pod app-1: the image cannot be pulled: Failed to pull image \"r/x\": not found";
    check(&status, &events, &[expected], true);
    let other = warning("q", "Failed", "Failed to pull image \"r/y\": not found");
    let expected = "pod app-1: the image cannot be pulled: Back-off pulling image \"r/x\"";
    check(&status, &[other], &[expected], true);
}

#[test]
fn a_crash_loop_counts_from_the_second_crash() {
    let crashed = |restarts: u64, reason: &str| {
        json!({"containerStatuses": [{"name": "app", "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": reason, "exitCode": 2}}}]})
    };
    check(&crashed(1, "Error"), &[], &[], false);
    let expected =
        "pod app-1: container app: crash loop, 2 restarts; last terminated with exit code 2";
    check(&crashed(2, "Error"), &[], &[expected], true);
    let expected = "pod app-1: container app: crash loop, 3 restarts; last terminated with OOMKilled: it used more \
                    memory than its limit";
    check(&crashed(3, "OOMKilled"), &[], &[expected], true);
}

#[test]
fn a_crash_loop_of_a_program_that_cannot_be_started_has_the_runtimes_message() {
    let crashed = |last: &Value| {
        json!({"containerStatuses": [{"name": "app", "restartCount": 2,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": last}}]})
    };
    // As containerd and runc report a wrong command.
    let message = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc \
                   create failed: unable to start container process: error during container init: exec: \
                   \"serve\": executable file not found in $PATH: unknown";
    let unstarted = json!({"reason": "StartError", "exitCode": 128, "message": message});
    let expected = format!(
        "pod app-1: container app: crash loop, 2 restarts; last terminated with exit code 128: {message}"
    );
    check(&crashed(&unstarted), &[], &[&expected], true);
    // The end of a program's log is shown instead.
    let logged =
        json!({"reason": "Error", "exitCode": 101, "message": "note: run with `RUST_BACKTRACE=1`"});
    let expected =
        "pod app-1: container app: crash loop, 2 restarts; last terminated with exit code 101";
    check(&crashed(&logged), &[], &[expected], true);
}

#[test]
fn containers_that_wait_for_volumes_or_a_network_have_the_event_about_it() {
    let creating = waiting("ContainerCreating", "");
    let mount = warning(
        "p",
        "FailedMount",
        "MountVolume.SetUp failed for volume \"key\" : secret \"key\" not found",
    );
    let expected = "pod app-1: its containers cannot be created yet: MountVolume.SetUp failed for volume \"key\" : \
                    secret \"key\" not found";
    check(&creating, std::slice::from_ref(&mount), &[expected], false);
    // As on EKS, where each node has a limited number of addresses.
    let network = warning(
        "p",
        "FailedCreatePodSandBox",
        "plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container",
    );
    let expected = "pod app-1: its containers cannot be created yet: plugin type=\"aws-cni\" name=\"aws-cni\" failed \
                    (add): add cmd: failed to assign an IP address to container";
    let later = |reason: &str| {
        json!({"kind": "Event", "type": "Normal", "reason": reason, "message": "",
            "involvedObject": {"uid": "p"}, "lastTimestamp": "2026-01-01T00:00:01Z"})
    };
    let events = [network.clone(), later("SandboxChanged")];
    check(&waiting("PodInitializing", ""), &events, &[expected], false);

    // Since then the image is pulled, or the container runs.
    check(&creating, &[mount, later("Pulling")], &[], false);
    let running = json!({"containerStatuses": [{"name": "app", "state": {"running": {}}}]});
    check(&running, &[network], &[], false);
}

#[test]
fn a_failed_attachment_is_not_reported_once_the_volume_is_attached() {
    let event = |kind: &str, reason: &str, message: &str, time: u32| {
        json!({"kind": "Event", "type": kind, "reason": reason, "message": message,
            "involvedObject": {"uid": "p"}, "lastTimestamp": format!("2026-01-01T00:00:0{time}Z")})
    };
    let multi = event(
        "Warning",
        "FailedAttachVolume",
        "Multi-Attach error for volume \"pv-1\"",
        1,
    );
    let expected =
        "pod app-1: its containers cannot be created yet: Multi-Attach error for volume \"pv-1\"";
    let creating = waiting("ContainerCreating", "");
    check(&creating, std::slice::from_ref(&multi), &[expected], false);
    let attached = |volume: &str| {
        let message = format!("AttachVolume.Attach succeeded for volume \"{volume}\" ");
        event("Normal", "SuccessfulAttachVolume", &message, 2)
    };
    check(&creating, &[multi.clone(), attached("pv-1")], &[], false);
    check(&creating, &[multi, attached("pv-2")], &[expected], false);
}

#[test]
fn a_pod_without_a_node_has_what_keeps_its_claim_from_getting_a_volume() {
    let failed = |claim: &str, message: &str| {
        json!({"kind": "Event", "type": "Warning", "reason": "ProvisioningFailed", "message": message,
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": claim}})
    };
    let events = [
        failed("data", "not authorized to perform: ec2:CreateVolume"),
        failed("others", "other"),
        // Now its volume is there.
        failed("done", "slow down"),
        json!({"kind": "Event", "type": "Normal", "reason": "ProvisioningSucceeded", "message": "",
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": "done"}}),
    ];
    let slow = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulerError",
        "message": "binding volumes: context deadline exceeded"}]});
    let mut snapshot = snapshot(&slow, &events);
    let texts = |snapshot: &Snapshot| {
        let findings = diagnose(snapshot, false);
        assert!(findings.iter().all(|finding| !finding.cause.is_final()));
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&snapshot),
        ["pod app-1: unschedulable: binding volumes: context deadline exceeded"]
    );
    snapshot.pods[0]["spec"]["volumes"] = json!([{"name": "done", "persistentVolumeClaim": {"claimName": "done"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    assert_eq!(
        texts(&snapshot),
        [
            "pod app-1: its containers cannot be created yet: claim data: not authorized to perform: ec2:CreateVolume"
        ]
    );
    snapshot
        .events
        .push(failed("app-1-scratch", "quota exceeded"));
    snapshot.pods[0]["spec"]["volumes"] = json!([{"name": "scratch", "ephemeral": {}}]);
    assert_eq!(
        texts(&snapshot),
        ["pod app-1: its containers cannot be created yet: claim app-1-scratch: quota exceeded"]
    );
}

#[test]
fn a_pod_that_its_node_evicts_is_reported_until_enough_pods_are_ready() {
    let evicted = json!({"phase": "Failed", "reason": "Evicted",
        "message": "The node was low on resource: ephemeral-storage."});
    let mut snapshot = snapshot(&evicted, &[]);
    assert_eq!(snapshot.pods.len(), 0, "nobody waits for its answer");
    snapshot.newest["spec"] = json!({"replicas": 2});
    let texts = |snapshot: &Snapshot| {
        let findings = diagnose(snapshot, true);
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut check = |ready: u64, expected: &[&str]| {
        snapshot.newest["status"] = json!({"replicas": 2, "readyReplicas": ready});
        assert_eq!(texts(&snapshot), expected);
    };
    check(
        1,
        &["pod app-1: it failed: Evicted: The node was low on resource: ephemeral-storage."],
    );
    check(2, &[]);
}

#[test]
fn a_container_that_is_not_started_has_what_failed() {
    for (reason, expected) in [
        ("CreateContainerError", "cannot be created"),
        ("RunContainerError", "cannot be started"),
        (
            "PostStartHookError",
            "was stopped, since its postStart hook failed",
        ),
    ] {
        let expected = format!("pod app-1: container app {expected}: why");
        check(&waiting(reason, "why"), &[], &[&expected], true);
    }
}

/// A cluster adds containers to pods, as service meshes do; the kubelet sorts the statuses by name.
#[test]
fn every_container_that_is_not_ready_may_be_the_cause() {
    let ready = |name: &str, restarts: u64| json!({"name": name, "ready": true, "restartCount": restarts, "state": {"running": {}}});
    let crashed = |name: &str| {
        json!({"name": name, "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 1}}})
    };
    let of = |init: &[Value], containers: &[Value]| json!({"initContainerStatuses": init, "containerStatuses": containers});
    let status = of(&[], &[ready("agent", 5), crashed("app")]);
    let expected =
        "pod app-1: container app: crash loop, 3 restarts; last terminated with exit code 1";
    check(&status, &[], &[expected], true);

    // The others wait for an init container, which may wait for something itself.
    let initializing = json!({"name": "app", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "PodInitializing"}}});
    let status = of(&[crashed("migrate")], std::slice::from_ref(&initializing));
    let expected = "pod app-1: init container migrate: crash loop, 3 restarts; last terminated with \
                    exit code 1";
    check(&status, &[], &[expected], false);

    let unset = json!({"name": "mesh", "ready": false, "restartCount": 0, "state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "configmap \"mesh\" not found"}}});
    let status = of(&[ready("done", 4), unset], &[initializing]);
    let expected = "pod app-1: container mesh cannot be created: configmap \"mesh\" not found";
    check(&status, &[], &[expected], true);
}

#[test]
fn a_failing_probe_waits_for_the_deadline_even_if_it_kills_the_container() {
    let running = |restarts: u64| {
        json!({"conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "restartCount": restarts, "state": {"running": {}}}]})
    };
    let unhealthy = warning(
        "p",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
    );
    let expected =
        "pod app-1: container app: Readiness probe failed: HTTP probe failed with statuscode: 503";
    check(
        &running(0),
        std::slice::from_ref(&unhealthy),
        &[expected],
        false,
    );
    let killing = json!({"kind": "Event", "type": "Normal", "reason": "Killing",
        "message": "Container rust-app failed startup probe, will be restarted",
        "involvedObject": {"uid": "p", "fieldPath": "spec.containers{app}"},
        "lastTimestamp": "2026-01-01T00:00:00Z"});
    let events = [unhealthy, killing];
    check(&running(3), &events, &[expected], false);
    // Another container crashes by itself.
    let mut status = running(3);
    let crashed = json!({"name": "mesh", "ready": false, "restartCount": 2,
        "lastState": {"terminated": {"exitCode": 1}}});
    status["containerStatuses"]
        .as_array_mut()
        .unwrap()
        .push(crashed);
    let expected =
        "pod app-1: container mesh: crash loop, 2 restarts; last terminated with exit code 1";
    check(&status, &events, &[expected], true);
}

#[test]
fn scheduling_gates_and_missing_pods_are_reported() {
    let unschedulable = json!({"conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}]});
    let expected = "pod app-1: unschedulable: 0/3 nodes are available: 3 Insufficient cpu.";
    check(&unschedulable, &[], &[expected], false);

    let gated = json!({"conditions": [{"type": "ContainersReady", "status": "True"},
        {"type": "Ready", "status": "False"}]});
    let expected = "pod app-1: its containers are ready, but its target is not healthy \
                    (target-health.elbv2.k8s.aws/x)";
    check(&gated, &[], &[expected], false);
    // As the AWS Load Balancer Controller sets it.
    let mut unhealthy = gated;
    let condition = json!({"type": "target-health.elbv2.k8s.aws/x", "status": "False",
        "reason": "Target.ResponseCodeMismatch", "message": "Health checks failed with these codes: [404]"});
    unhealthy["conditions"]
        .as_array_mut()
        .unwrap()
        .push(condition);
    let expected = "pod app-1: its containers are ready, but its target is not healthy: \
                    Target.ResponseCodeMismatch: Health checks failed with these codes: [404] \
                    (target-health.elbv2.k8s.aws/x)";
    check(&unhealthy, &[], &[expected], false);

    let mut refused = snapshot(&json!({}), &[]);
    refused.pods.clear();
    refused.newest["spec"]["replicas"] = json!(3);
    refused.newest["status"] = json!({"replicas": 0, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"}]});
    let texts: Vec<_> = diagnose(&refused, true)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        ["replicaset app-r: no pod can be created: violates PodSecurity"]
    );
}

#[test]
fn a_load_balancer_without_an_address_has_its_controllers_event() {
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let mut snapshot = snapshot(
        &ready,
        &[warning(
            "s",
            "FailedDeployModel",
            "AccessDenied: elbv2:CreateLoadBalancer",
        )],
    );
    snapshot.balancer["status"] = json!({"loadBalancer": {}});
    let texts = |snapshot: &Snapshot| {
        diagnose(snapshot, true)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&snapshot),
        ["service svc: the load balancer has no address: AccessDenied: elbv2:CreateLoadBalancer"]
    );
    snapshot.events.clear();
    assert_eq!(
        texts(&snapshot),
        ["service svc: the load balancer has no address, and no controller has reported an event"]
    );
}

#[test]
fn a_pod_without_the_gate_that_its_namespace_enables_is_final() {
    let mut ungated = snapshot(
        &json!({"conditions": [{"type": "Ready", "status": "True"}]}),
        &[],
    );
    ungated.pods[0]["spec"] = json!({});
    assert_eq!(diagnose(&ungated, false), []);
    let [finding] = &diagnose(&ungated, true)[..] else {
        panic!("one finding is expected")
    };
    assert_eq!(finding.cause, Cause::NoGate);
    assert!(finding.cause.is_final());
}
