//! Which of the manifests' objects the commands are about: a load balancer, and the Deployment behind it.

use serde_json::{Map, Value};

use crate::kubectl::{items, of_kind, text};

/// The index of the Ingress, or else of the Service of a load balancer, or else of any Service.
pub(crate) fn balancer_index(objects: &[Value]) -> Option<usize> {
    let first = |is_it: fn(&Value) -> bool| objects.iter().position(is_it);
    first(|object| object["kind"] == "Ingress")
        .or_else(|| first(is_balancer))
        .or_else(|| first(|object| object["kind"] == "Service"))
}

/// The Ingress or Service that has the load balancer.
pub(crate) fn balancer(objects: &[Value]) -> Option<&Value> {
    objects.get(balancer_index(objects)?)
}

/// Whether an object is a Service with a load balancer.
fn is_balancer(object: &Value) -> bool {
    object["kind"] == "Service" && object["spec"]["type"] == "LoadBalancer"
}

/// The objects with load balancers, as `kind/name`.
pub(crate) fn balancers(objects: &[Value]) -> Vec<String> {
    let with = objects
        .iter()
        .filter(|object| object["kind"] == "Ingress" || is_balancer(object));
    with.map(full_name).collect()
}

/// The Deployment behind the load balancer. If it cannot be told, as with an Ingress for a Service that the manifests do
/// not contain, the first one.
pub(crate) fn deployment(objects: &[Value]) -> Option<&Value> {
    let deployments = || of_kind(objects, "Deployment");
    let service = balancer(objects).and_then(|balancer| service_of(objects, balancer));
    let selected = service.and_then(|service| {
        let selector = Selector::of(&service["spec"]["selector"])?;
        let is_selected = |deployment: &&Value| {
            deployment["metadata"]["namespace"] == service["metadata"]["namespace"]
                && selector.selects(&deployment["spec"]["template"])
        };
        deployments().find(is_selected)
    });
    selected.or_else(|| deployments().next())
}

/// The Service that a load balancer sends to; of an Ingress, the one that gets requests for `/`, or else the first.
fn service_of<'a>(objects: &'a [Value], balancer: &'a Value) -> Option<&'a Value> {
    if balancer["kind"] == "Service" {
        return Some(balancer);
    }
    let spec = &balancer["spec"];
    let service = |backend: &Value| {
        let name = backend["service"]["name"].as_str()?;
        of_kind(objects, "Service").find(|service| {
            service["metadata"]["name"] == name
                && service["metadata"]["namespace"] == balancer["metadata"]["namespace"]
        })
    };
    // An action of an ALB, such as a redirect, has the name of no Service.
    let paths = || {
        let paths = items(&spec["rules"]).flat_map(|rule| items(&rule["http"]["paths"]));
        paths.filter_map(|path| Some((path, service(&path["backend"])?)))
    };
    let is_root = |path: &Value| matches!(path["path"].as_str(), None | Some("/" | "/*"));
    let root = paths().find(|(path, _)| is_root(path));
    root.map(|(_, service)| service)
        .or_else(|| service(&spec["defaultBackend"]))
        .or_else(|| paths().next().map(|(_, service)| service))
}

/// `kind/name`, for kubectl and for people.
pub(crate) fn full_name(object: &Value) -> String {
    let kind = text(&object["kind"]).to_lowercase();
    format!("{kind}/{}", text(&object["metadata"]["name"]))
}

/// The labels by which an object selects pods; at least one.
pub(crate) struct Selector<'a>(&'a Map<String, Value>);

impl<'a> Selector<'a> {
    fn of(labels: &'a Value) -> Option<Self> {
        let labels = labels.as_object().filter(|labels| !labels.is_empty());
        labels.map(Self)
    }

    /// Whether an object, or the template of one, has these labels.
    pub(crate) fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.0.iter().all(|(name, value)| labels[name] == *value)
    }
}

/// The selectors of the objects in a namespace that run pods.
pub(crate) fn selectors<'a>(objects: &'a [Value], namespace: &str) -> Vec<Selector<'a>> {
    let there = objects.iter().filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        let of = object["metadata"]["namespace"].as_str();
        ["DaemonSet", "Deployment", "StatefulSet"].contains(&kind)
            && of.unwrap_or("default") == namespace
    });
    there
        .filter_map(|object| Selector::of(&object["spec"]["selector"]["matchLabels"]))
        .collect()
}

/// The objects that run pods and are not Deployments, as `kind/name`.
pub(crate) fn other_kinds(objects: &[Value]) -> Vec<String> {
    let others = objects.iter().filter(|object| {
        let kind = object["kind"].as_str().unwrap_or_default();
        ["DaemonSet", "Job", "Pod", "StatefulSet"].contains(&kind)
    });
    others.map(full_name).collect()
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
        let objects = guestbook();
        assert_eq!(name(balancer(&objects)), "frontend");
        assert_eq!(balancers(&objects), ["service/frontend"]);
        assert_eq!(name(deployment(&objects)), "frontend");
        assert_eq!(other_kinds(&objects), ["statefulset/db"]);
    }

    #[test]
    fn behind_an_ingress_it_is_the_one_that_gets_requests_for_the_root() {
        let backend = |name: &str| json!({"service": {"name": name}});
        let path = |path: &str, name: &str| json!({"path": path, "backend": backend(name)});
        let rules = |paths: &[Value]| json!({"rules": [{"http": {"paths": paths}}]});
        let mut objects = vec![
            workload("Deployment", "first"),
            workload("Deployment", "api"),
            workload("Deployment", "web"),
            service("api", "ClusterIP"),
            service("web", "ClusterIP"),
        ];
        for (spec, expected) in [
            (rules(&[path("/api", "api"), path("/", "web")]), "web"),
            (
                rules(&[path("/*", "ssl-redirect"), path("/*", "web")]),
                "web",
            ),
            (rules(&[path("/api", "api"), path("/v2", "web")]), "api"),
            (json!({"defaultBackend": backend("web")}), "web"),
            (rules(&[path("/", "elsewhere")]), "first"),
        ] {
            objects.push(json!({"kind": "Ingress", "metadata": {"name": "i"}, "spec": spec}));
            assert_eq!(name(balancer(&objects)), "i");
            assert_eq!(name(deployment(&objects)), expected, "{spec}");
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
