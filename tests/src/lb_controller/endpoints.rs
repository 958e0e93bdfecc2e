//! Selects the pods that are targets: a pure function of the cluster's state, as in the controller's
//! `endpoint_resolver.go`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

/// The targets of a Service's port, each with the name of its pod.
///
/// A pod is a target if its endpoint is ready, or if only its readiness gate is missing, which its
/// registration then satisfies. A terminating pod is not a target.
pub(super) fn targets(
    (namespace, service, port_name): (&str, &str, &str),
    slices: &[Value],
    pods: &[Value],
) -> BTreeMap<SocketAddr, String> {
    let mut targets = BTreeMap::new();
    let of_service = slices.iter().filter(|slice| {
        slice["metadata"]["namespace"] == namespace
            && slice["metadata"]["labels"]["kubernetes.io/service-name"] == service
    });
    for slice in of_service {
        let port = items(&slice["ports"])
            .find(|port| port["name"].as_str().unwrap_or_default() == port_name)
            .and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
        let Some(port) = port else { continue };
        for endpoint in items(&slice["endpoints"]) {
            let pod = endpoint["targetRef"]["name"].as_str().unwrap_or_default();
            let address: Option<IpAddr> = endpoint["addresses"][0]
                .as_str()
                .and_then(|address| address.parse().ok());
            let conditions = &endpoint["conditions"];
            let only_gated = || {
                conditions["terminating"] != true
                    && find(pods, namespace, pod).is_some_and(containers_ready)
            };
            if let Some(address) = address
                && (conditions["ready"] == true || only_gated())
            {
                targets.insert(SocketAddr::new(address, port), pod.to_owned());
            }
        }
    }
    targets
}

/// A pod by name.
pub(super) fn find<'a>(pods: &'a [Value], namespace: &str, name: &str) -> Option<&'a Value> {
    pods.iter()
        .find(|pod| pod["metadata"]["name"] == name && pod["metadata"]["namespace"] == namespace)
}

/// The status of a pod's condition.
pub(super) fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&pod["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

/// Whether a pod has a readiness gate.
pub(super) fn has_gate(pod: &Value, kind: &str) -> bool {
    items(&pod["spec"]["readinessGates"]).any(|gate| gate["conditionType"] == kind)
}

fn containers_ready(pod: &Value) -> bool {
    condition(pod, "ContainersReady").is_some_and(|condition| condition["status"] == "True")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(conditions: &Value, containers_ready: &str, expected: bool) {
        let slices = [json!({
            "metadata": {"namespace": "ns", "labels": {"kubernetes.io/service-name": "web"}},
            "ports": [{"name": "admin", "port": 1}, {"name": "http", "port": 5000}],
            "endpoints": [{
                "addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": {"name": "pod"},
            }],
        })];
        let pods = [json!({
            "metadata": {"namespace": "ns", "name": "pod"},
            "status": {"conditions": [{"type": "ContainersReady", "status": containers_ready}]},
        })];
        let found = targets(("ns", "web", "http"), &slices, &pods);
        let addresses: Vec<_> = found.into_keys().collect();
        let expected: Vec<_> = expected
            .then(|| "10.0.0.1:5000".parse().unwrap())
            .into_iter()
            .collect();
        assert_eq!(addresses, expected, "{conditions} {containers_ready}");
    }

    #[test]
    fn a_pod_is_a_target_when_it_is_ready_or_only_its_gate_is_missing() {
        check(&json!({"ready": true}), "True", true);
        check(&json!({"ready": false}), "True", true);
        check(&json!({"ready": false}), "False", false);
        check(&json!({"ready": false, "terminating": true}), "True", false);
    }
}
