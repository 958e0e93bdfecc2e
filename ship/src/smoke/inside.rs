//! Tests an internal load balancer from a pod in the service's namespace, with the service's own image,
//! which can send a request.

use std::path::Path;
use std::time::{Duration, Instant};

use cli::Printer;
use serde_json::{Value, json};

use crate::args::TestFrom;
use crate::endpoint::Endpoint;
use crate::error::{ShipError, SmokeError};
use crate::kubectl::{Kubectl, items, text};
use crate::manifests::Target;
use crate::snapshot::Snapshot;

const INTERVAL: Duration = Duration::from_secs(1);

/// The container that sends the requests; a cluster may add others to its pod.
const CONTAINER: &str = "probe";

/// The pod, which is deleted when this is dropped.
struct Probe<'a> {
    kubectl: &'a Kubectl,
    namespace: &'a str,
    name: String,
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let args = ["delete", "pod", &self.name, "-n", self.namespace];
        let at_once = ["--ignore-not-found", "--grace-period=1", "--wait=false"];
        // If that fails, the pod has finished, and is deleted with the namespace.
        let _ = self.kubectl.run(&[&args[..], &at_once].concat());
    }
}

/// Whether to test from a pod: by default if this machine may not reach the load balancer.
pub(crate) fn is_inside(from: Option<TestFrom>, is_internal: bool) -> bool {
    match from {
        Some(TestFrom::Cluster) => true,
        Some(TestFrom::Here) => false,
        None => is_internal,
    }
}

/// Checks whether an endpoint can be tested from a pod.
pub(crate) fn check(is_https: bool, ca: Option<&Path>) -> Result<(), SmokeError> {
    if is_https || ca.is_some() {
        return Err(SmokeError::InsideTls);
    }
    Ok(())
}

/// Waits until a request from a pod is answered. The answering pod is not known; the readiness gates show
/// that the load balancer finds each pod healthy.
pub(super) fn test(
    printer: Printer,
    (kubectl, target): (&Kubectl, &Target),
    endpoint: &Endpoint,
    timeout: Duration,
) -> Result<(), ShipError> {
    let url = format!("{}healthz", endpoint.address_url());
    let snapshot = Snapshot::take(kubectl, target)?;
    let container = container(&snapshot);
    let probe = Probe {
        kubectl,
        namespace: &target.namespace,
        name: format!("{}-smoke", target.deployment),
    };
    // Left by a killed test.
    let args = ["delete", "pod", &probe.name, "-n", probe.namespace];
    kubectl.run(&[&args[..], &["--ignore-not-found", "--grace-period=1"]].concat())?;
    kubectl.apply_objects(&[pod(&probe, &container["image"], &url)], &[])?;
    printer.status(&format!(
        "Testing from pod {}: the load balancer is internal",
        probe.name
    ));
    let began = Instant::now();
    loop {
        let pod = kubectl.json(&["get", "pod", &probe.name, "-n", probe.namespace])?;
        if pod["status"]["phase"] == "Succeeded" {
            printer.status(&format!(
                "Smoke test passed in {:.1}s",
                began.elapsed().as_secs_f64()
            ));
            return Ok(());
        }
        if began.elapsed() >= timeout {
            let args = ["logs", &probe.name, "-n", probe.namespace, "--tail=1"];
            let args = [&args[..], &["--container", CONTAINER]].concat();
            let log = kubectl.run(&args).unwrap_or_default();
            return Err(SmokeError::Inside {
                url,
                problem: problem(&pod, &log),
            }
            .into());
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The container that the load balancer's Service sends to, since a cluster or an overlay may add others; if its port has
/// no container, the first.
fn container(snapshot: &Snapshot) -> &Value {
    let containers = &snapshot.deployment["spec"]["template"]["spec"]["containers"];
    let port = &snapshot.balancer["spec"]["ports"][0]["targetPort"];
    let has_port = |container: &&Value| {
        items(&container["ports"]).any(|found| {
            found["containerPort"] == *port || (port.is_string() && found["name"] == *port)
        })
    };
    items(containers).find(has_port).unwrap_or(&containers[0])
}

/// The kubelet restarts it until the request succeeds. It has none of the service's labels, so that
/// nothing selects it.
fn pod(probe: &Probe<'_>, image: &Value, url: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": probe.name, "namespace": probe.namespace,
            "labels": {"app.kubernetes.io/component": "smoke-test"},
        },
        "spec": {
            "restartPolicy": "OnFailure",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": CONTAINER,
                "image": image,
                "args": ["probe", url],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

/// The pod's output, or why it does not run.
fn problem(pod: &Value, log: &str) -> String {
    let status = &pod["status"];
    let waiting = items(&status["containerStatuses"])
        .find(|container| container["name"] == CONTAINER)
        .map(|container| text(&container["state"]["waiting"]["reason"]));
    let scheduled = items(&status["conditions"])
        .find(|condition| condition["type"] == "PodScheduled")
        .map(|condition| text(&condition["message"]));
    [Some(log.trim().to_owned()), waiting, scheduled]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| "its pod has not finished".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_does_not_run_is_reported_with_the_schedulers_message() {
        let condition = |kind: &str, message: &str| json!({"type": kind, "message": message});
        let conditions = [
            condition("Ready", "containers with unready status: [probe]"),
            condition(
                "PodScheduled",
                "0/3 nodes are available: 3 Insufficient cpu.",
            ),
        ];
        let mut pod = json!({"status": {"conditions": conditions}});
        let check =
            |pod: &Value, log: &str, expected: &str| assert_eq!(problem(pod, log), expected);
        check(&pod, "", "0/3 nodes are available: 3 Insufficient cpu.");
        check(&pod, "connection refused\n", "connection refused");
        let waiting = |name: &str, reason: &str| json!({"name": name, "state": {"waiting": {"reason": reason}}});
        pod["status"]["containerStatuses"] = json!([
            waiting("mesh", "PodInitializing"),
            waiting("probe", "ErrImagePull")
        ]);
        check(&pod, "", "ErrImagePull");
    }
}
