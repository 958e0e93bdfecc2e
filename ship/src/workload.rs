//! Which of the manifests' objects the commands are about: a load balancer, and the Deployment behind it.

use serde_json::Value;

use crate::kubectl::{of_kind, text};

/// The Ingress, or else the Service of a load balancer, or else any Service.
pub(crate) fn balancer(objects: &[Value]) -> Option<&Value> {
    let services = || of_kind(objects, "Service");
    let is_balancer = |service: &&Value| service["spec"]["type"] == "LoadBalancer";
    of_kind(objects, "Ingress")
        .next()
        .or_else(|| services().find(is_balancer))
        .or_else(|| services().next())
}

/// The Deployment behind the load balancer. If it cannot be told, as with an Ingress for a Service that the manifests do
/// not contain, the first one.
pub(crate) fn deployment(objects: &[Value]) -> Option<&Value> {
    let deployments = || of_kind(objects, "Deployment");
    let service = balancer(objects).and_then(|balancer| service_of(objects, balancer));
    let selected = service.and_then(|service| {
        let selector = service["spec"]["selector"].as_object()?;
        let is_selected = |deployment: &&Value| {
            let labels = &deployment["spec"]["template"]["metadata"]["labels"];
            !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value)
        };
        deployments().find(is_selected)
    });
    selected.or_else(|| deployments().next())
}

/// The Service that a load balancer sends to; of an Ingress, that of its first rule.
fn service_of<'a>(objects: &'a [Value], balancer: &'a Value) -> Option<&'a Value> {
    if balancer["kind"] == "Service" {
        return Some(balancer);
    }
    let spec = &balancer["spec"];
    let backends = [
        &spec["rules"][0]["http"]["paths"][0]["backend"],
        &spec["defaultBackend"],
    ];
    let names = backends.map(|backend| &backend["service"]["name"]);
    let name = names.into_iter().find(|name| !name.is_null())?;
    of_kind(objects, "Service").find(|service| service["metadata"]["name"] == *name)
}

/// The objects that run pods and are not Deployments, as `kind/name`.
pub(crate) fn other_kinds(objects: &[Value]) -> Vec<String> {
    let names = objects.iter().filter_map(|object| {
        let kind = object["kind"].as_str()?;
        let runs_pods = ["DaemonSet", "Job", "Pod", "StatefulSet"].contains(&kind);
        let name = text(&object["metadata"]["name"]);
        runs_pods.then(|| format!("{}/{name}", kind.to_lowercase()))
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(object: Option<&Value>) -> String {
        text(&object.unwrap()["metadata"]["name"])
    }

    fn service(name: &str, kind: &str) -> Value {
        json!({"kind": "Service", "metadata": {"name": name}, "spec": {"type": kind, "selector": {"app": name}}})
    }

    fn workload(kind: &str, name: &str) -> Value {
        json!({"kind": kind, "metadata": {"name": name},
            "spec": {"template": {"metadata": {"labels": {"app": name, "tier": "x"}}}}})
    }

    /// In the order of <https://kubernetes.io/docs/tutorials/stateless-application/guestbook/>.
    fn guestbook() -> Vec<Value> {
        vec![
            workload("Deployment", "redis-leader"),
            service("redis-leader", "ClusterIP"),
            workload("Deployment", "frontend"),
            service("frontend", "LoadBalancer"),
            workload("StatefulSet", "db"),
        ]
    }

    #[test]
    fn the_deployment_is_the_one_behind_the_load_balancer() {
        let mut objects = guestbook();
        assert_eq!(name(balancer(&objects)), "frontend");
        assert_eq!(name(deployment(&objects)), "frontend");
        assert_eq!(other_kinds(&objects), ["statefulset/db"]);

        let backend = json!({"service": {"name": "redis-leader"}});
        for spec in [
            json!({"rules": [{"http": {"paths": [{"backend": backend}]}}]}),
            json!({"defaultBackend": backend}),
        ] {
            objects.push(json!({"kind": "Ingress", "metadata": {"name": "i"}, "spec": spec}));
            assert_eq!(name(balancer(&objects)), "i");
            assert_eq!(name(deployment(&objects)), "redis-leader");
            objects.pop();
        }
    }

    #[test]
    fn without_a_selector_it_is_the_first_deployment() {
        let mut objects = guestbook();
        objects.retain(|object| object["kind"] != "Service");
        assert_eq!(balancer(&objects), None);
        assert_eq!(name(deployment(&objects)), "redis-leader");
        objects.push(
            json!({"kind": "Service", "metadata": {"name": "external"}, "spec": {"selector": {}}}),
        );
        assert_eq!(name(deployment(&objects)), "redis-leader");
    }
}
