//! Rules that the API server enforces and its schema cannot express, for the fields that are used
//! here. `make e2e` validates with a real API server as well; these rules need none.
//!
//! From `pkg/apis/*/validation` of Kubernetes 1.36.

use serde_json::Value;

/// The rules that an object violates.
pub fn violations(object: &Value) -> Vec<String> {
    let spec = &object["spec"];
    let mut found = match object["kind"].as_str() {
        Some("Service") => service(spec),
        Some("Deployment") => deployment(spec),
        Some("HorizontalPodAutoscaler") => autoscaler(spec),
        Some("PodDisruptionBudget") => budget(spec),
        _ => Vec::new(),
    };
    let name = object["metadata"]["name"].as_str().unwrap_or("?");
    for violation in &mut found {
        violation.insert_str(0, &format!("{} {name}: ", object["kind"]));
    }
    found
}

fn service(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if spec["type"] != "LoadBalancer" {
        for field in [
            "loadBalancerClass",
            "allocateLoadBalancerNodePorts",
            "loadBalancerSourceRanges",
        ] {
            if !spec[field].is_null() {
                found.push(format!("{field} is only for the type LoadBalancer"));
            }
        }
        if spec["type"] != "NodePort" && !spec["externalTrafficPolicy"].is_null() {
            found.push("externalTrafficPolicy is only for LoadBalancer and NodePort".to_owned());
        }
    }
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    if ports.len() > 1 && ports.iter().any(|port| port["name"].is_null()) {
        found.push("several ports need names".to_owned());
    }
    found
}

fn deployment(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let rolling = &spec["strategy"]["rollingUpdate"];
    let zero = |value: &Value| *value == 0 || *value == "0" || *value == "0%";
    if zero(&rolling["maxSurge"]) && zero(&rolling["maxUnavailable"]) {
        found.push("maxSurge and maxUnavailable are both 0".to_owned());
    }
    let template = &spec["template"];
    let labels = &template["metadata"]["labels"];
    let selector = spec["selector"]["matchLabels"].as_object();
    if selector
        .into_iter()
        .flatten()
        .any(|(key, value)| &labels[key] != value)
    {
        found.push("the selector does not match the template's labels".to_owned());
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items
            .filter_map(|item| item["name"].as_str().map(str::to_owned))
            .collect()
    };
    let volumes = names(&template["spec"]["volumes"]);
    for container in template["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
    {
        for mount in names(&container["volumeMounts"]) {
            if !volumes.contains(&mount) {
                found.push(format!("there is no volume {mount} to mount"));
            }
        }
        let resources = &container["resources"];
        let requests = resources["requests"].as_object().into_iter().flatten();
        for (resource, request) in requests {
            let limit = &resources["limits"][resource];
            if let (Some(request), Some(limit)) = (mebibytes(request), mebibytes(limit))
                && request > limit
            {
                found.push(format!("the request of {resource} is above its limit"));
            }
        }
    }
    found
}

fn mebibytes(quantity: &Value) -> Option<u64> {
    quantity.as_str()?.strip_suffix("Mi")?.parse().ok()
}

fn autoscaler(spec: &Value) -> Vec<String> {
    let above = spec["minReplicas"].as_u64() > spec["maxReplicas"].as_u64();
    let violation = || "minReplicas is above maxReplicas".to_owned();
    above.then(violation).into_iter().collect()
}

fn budget(spec: &Value) -> Vec<String> {
    let both = !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null();
    let violation = || "minAvailable and maxUnavailable exclude each other".to_owned();
    both.then(violation).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: &str, spec: &Value, expected: &[&str]) {
        let object = json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec});
        let prefix = format!("\"{kind}\" x: ");
        let found = violations(&object);
        let found: Vec<_> = found
            .iter()
            .filter_map(|one| one.strip_prefix(&prefix))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_service_that_is_not_a_load_balancer_has_no_class() {
        let class = json!({"type": "ClusterIP", "loadBalancerClass": "service.k8s.aws/nlb"});
        check(
            "Service",
            &class,
            &["loadBalancerClass is only for the type LoadBalancer"],
        );
        let ports = json!({"allocateLoadBalancerNodePorts": false, "ports": [{}, {"name": "a"}]});
        check(
            "Service",
            &ports,
            &[
                "allocateLoadBalancerNodePorts is only for the type LoadBalancer",
                "several ports need names",
            ],
        );
        let class = json!({"type": "LoadBalancer", "loadBalancerClass": "x"});
        check("Service", &class, &[]);
    }

    #[test]
    fn a_deployment_can_roll_out_and_mounts_only_its_volumes() {
        let rolling = json!({"maxSurge": "0%", "maxUnavailable": 0});
        let spec = json!({
            "strategy": {"rollingUpdate": rolling},
            "selector": {"matchLabels": {"a": "1"}},
            "template": {"spec": {"containers": [{
                "volumeMounts": [{"name": "v"}],
                "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "32Mi"}},
            }]}},
        });
        check(
            "Deployment",
            &spec,
            &[
                "maxSurge and maxUnavailable are both 0",
                "the selector does not match the template's labels",
                "there is no volume v to mount",
                "the request of memory is above its limit",
            ],
        );
        check(
            "HorizontalPodAutoscaler",
            &json!({"minReplicas": 3, "maxReplicas": 2}),
            &["minReplicas is above maxReplicas"],
        );
        check(
            "PodDisruptionBudget",
            &json!({"minAvailable": 1, "maxUnavailable": 1}),
            &["minAvailable and maxUnavailable exclude each other"],
        );
    }
}
