//! Gives the objects of an overlay another name and namespace, so that several deployments of it can share
//! a cluster: none selects, owns or deletes objects of another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kubectl::text;

/// The label by which the Service, the Deployment and other objects select pods.
const NAME_LABEL: &str = "app.kubernetes.io/name";
/// The label that the API server sets on each namespace.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";
/// Fields that name an object of a kind.
const REFERENCES: [(&str, &str); 6] = [
    ("claimName", "PersistentVolumeClaim"),
    ("ingressClassName", "IngressClass"),
    ("secretName", "Secret"),
    ("serviceAccountName", "ServiceAccount"),
    ("serviceName", "Service"),
    ("storageClassName", "StorageClass"),
];
/// Fields with an object whose `name` names an object of a kind.
const NAMED: [(&str, &str); 6] = [
    ("configMap", "ConfigMap"),
    ("configMapKeyRef", "ConfigMap"),
    ("configMapRef", "ConfigMap"),
    ("secretKeyRef", "Secret"),
    ("secretRef", "Secret"),
    ("service", "Service"),
];

/// The name and namespace of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl Identity {
    /// The prefix of the names of cluster-scoped objects. Names and namespaces have no dots, so no two
    /// deployments share it.
    fn cluster_wide(&self) -> String {
        if self.name == self.namespace {
            self.name.clone()
        } else {
            format!("{}.{}", self.namespace, self.name)
        }
    }
}

struct Renamed<'a> {
    from: &'a Identity,
    to: &'a Identity,
    /// The new names, by kind and old name.
    names: BTreeMap<(String, String), String>,
}

/// Renames all objects. Objects without the deployment's prefix, which a user may have added, keep their
/// names and move to the namespace.
pub(crate) fn rename(objects: &mut [Value], from: &Identity, to: &Identity) {
    if from == to {
        return;
    }
    let mut renamed = Renamed {
        from,
        to,
        names: BTreeMap::new(),
    };
    for object in &mut *objects {
        let (kind, old) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        let new = if kind == "Namespace" {
            (old == from.namespace).then(|| to.namespace.clone())
        } else if object["metadata"]["namespace"].is_string() {
            prefixed(&old, &from.name, &to.name)
        } else {
            prefixed(&old, &from.cluster_wide(), &to.cluster_wide())
        };
        if let Some(new) = new {
            object["metadata"]["name"] = new.clone().into();
            renamed.names.insert((kind, old), new);
        }
    }
    for object in objects {
        renamed.rewrite(object);
        if is_query(object) {
            renamed.rewrite_queries(object);
            renamed.rename_file(object);
        }
    }
}

/// `hello-data` for `rust-app-data`.
fn prefixed(old: &str, from: &str, to: &str) -> Option<String> {
    let rest = old.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('-')).then(|| format!("{to}{rest}"))
}

/// Whether an object has Prometheus queries in its strings.
fn is_query(object: &Value) -> bool {
    object["kind"] == "PrometheusRule"
        || !object["metadata"]["labels"]["grafana_dashboard"].is_null()
}

impl Renamed<'_> {
    fn of(&self, kind: &str, old: &Value) -> Option<Value> {
        let key = (kind.to_owned(), old.as_str()?.to_owned());
        self.names.get(&key).map(|new| Value::from(new.as_str()))
    }

    fn rewrite(&self, value: &mut Value) {
        let map = match value {
            Value::Object(map) => map,
            Value::Array(items) => {
                for item in items {
                    self.rewrite(item);
                }
                return;
            }
            _ => return,
        };
        // A reference, such as an autoscaler's to its Deployment.
        if let (Some(Value::String(kind)), Some(name)) = (map.get("kind"), map.get("name"))
            && let Some(new) = self.of(kind, name)
        {
            map.insert("name".to_owned(), new);
        }
        for (field, child) in map {
            let same = |from: &str, child: &Value| child.as_str() == Some(from);
            let label = child.as_str().filter(|_| field == NAME_LABEL);
            let label = label.and_then(|name| prefixed(name, &self.from.name, &self.to.name));
            if let Some(name) = label {
                *child = name.into();
            } else if (field == "namespace" || field == NAMESPACE_LABEL)
                && same(&self.from.namespace, child)
            {
                *child = self.to.namespace.as_str().into();
            } else if let Some((_, kind)) = REFERENCES.iter().find(|(known, _)| known == field)
                && let Some(new) = self.of(kind, child)
            {
                *child = new;
            } else if let Some((_, kind)) = NAMED.iter().find(|(known, _)| known == field)
                && let Some(new) = child.get("name").and_then(|name| self.of(kind, name))
            {
                child["name"] = new;
            }
            self.rewrite(child);
        }
    }

    /// Rewrites the selectors in the queries of the component `monitoring`, and the dashboard's title,
    /// which has to be unique in Grafana, like its file's name for the sidecar.
    fn rewrite_queries(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let (from, to) = (self.from, self.to);
                // A dashboard is JSON in a string, in which quotes are escaped.
                for quote in ["\"", "\\\""] {
                    let whole =
                        |one: &Identity| format!("{quote}{}/{}{quote}", one.namespace, one.name);
                    let namespace =
                        |one: &Identity| format!("namespace={quote}{}{quote}", one.namespace);
                    let pod = |one: &Identity| format!("pod=~{quote}{}-", one.name);
                    *text = text
                        .replace(&whole(from), &whole(to))
                        .replace(&namespace(from), &namespace(to))
                        .replace(&pod(from), &pod(to));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.rewrite_queries(item)),
            Value::Object(map) => map
                .values_mut()
                .for_each(|child| self.rewrite_queries(child)),
            _ => {}
        }
    }

    fn rename_file(&self, dashboard: &mut Value) {
        let file = |one: &Identity| format!("{}.json", one.cluster_wide());
        // Not by index, which would add the field to objects without it.
        if let Some(Value::Object(data)) = dashboard.get_mut("data")
            && let Some(text) = data.remove(&file(self.from))
        {
            data.insert(file(self.to), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(name: &str, namespace: &str) -> Identity {
        Identity {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    #[test]
    fn objects_and_references_to_them_are_renamed_together() {
        let mut objects = [
            json!({"kind": "Namespace", "metadata": {"name": "rust-app"}}),
            json!({"kind": "StorageClass", "metadata": {"name": "rust-app-ebs"}}),
            json!({"kind": "PersistentVolumeClaim",
                "metadata": {"name": "rust-app-data", "namespace": "rust-app"},
                "spec": {"storageClassName": "rust-app-ebs"}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "rust-app"}}),
            json!({"kind": "Deployment", "metadata": {"name": "rust-app", "namespace": "rust-app"},
                "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "rust-app"}},
                    "template": {"spec": {
                        "containers": [{"name": "rust-app"}],
                        "volumes": [{"persistentVolumeClaim": {"claimName": "rust-app-data"}},
                            {"configMap": {"name": "mine"}}]}}}}),
            json!({"kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "rust-app", "namespace": "rust-app"},
                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "rust-app"}}}),
        ];
        rename(
            &mut objects,
            &identity("rust-app", "rust-app"),
            &identity("shop", "team-a"),
        );
        assert_eq!(
            Value::from(objects.to_vec()),
            json!([
                {"kind": "Namespace", "metadata": {"name": "team-a"}},
                {"kind": "StorageClass", "metadata": {"name": "team-a.shop-ebs"}},
                {"kind": "PersistentVolumeClaim",
                    "metadata": {"name": "shop-data", "namespace": "team-a"},
                    "spec": {"storageClassName": "team-a.shop-ebs"}},
                {"kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "team-a"}},
                {"kind": "Deployment", "metadata": {"name": "shop", "namespace": "team-a"},
                    "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "shop"}},
                        "template": {"spec": {
                            "containers": [{"name": "rust-app"}],
                            "volumes": [{"persistentVolumeClaim": {"claimName": "shop-data"}},
                                {"configMap": {"name": "mine"}}]}}}},
                {"kind": "HorizontalPodAutoscaler",
                    "metadata": {"name": "shop", "namespace": "team-a"},
                    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "shop"}}},
            ])
        );
    }

    #[test]
    fn workers_of_two_deployments_select_none_of_each_others_pods() {
        let label = |name: &str| json!({"matchLabels": {"app.kubernetes.io/name": name}});
        let object = |kind: &str, name: &str, spec: Value| json!({"kind": kind, "metadata": {"name": name, "namespace": "n"}, "spec": spec});
        let objects = |name: &str| {
            let worker = format!("{name}-worker");
            let set = json!({"selector": label(&worker), "serviceName": worker});
            [
                object("Service", &worker, json!({})),
                object("StatefulSet", &worker, set),
            ]
        };
        let mut renamed = objects("rust-app");
        rename(
            &mut renamed,
            &identity("rust-app", "n"),
            &identity("shop", "n"),
        );
        assert_eq!(renamed, objects("shop"));
    }

    #[test]
    fn cluster_scoped_names_are_unique_to_a_deployment() {
        assert_eq!(identity("a", "a").cluster_wide(), "a");
        assert_ne!(
            identity("b-c", "a").cluster_wide(),
            identity("c", "a-b").cluster_wide()
        );
        assert_eq!(prefixed("rust-application", "rust-app", "x"), None);
    }

    #[test]
    fn a_dashboard_gets_a_unique_file_and_title() {
        let mut objects = [json!({"kind": "ConfigMap",
            "metadata": {"name": "rust-app-dashboard", "namespace": "rust-app",
                "labels": {"grafana_dashboard": "1"}},
            "data": {"rust-app.json": "{\"title\": \"rust-app/rust-app\", \"expr\": \"a{job=\\\"rust-app/rust-app\\\"}\"}"}})];
        rename(
            &mut objects,
            &identity("rust-app", "rust-app"),
            &identity("shop", "team-a"),
        );
        assert_eq!(objects[0]["metadata"]["name"], "shop-dashboard");
        assert_eq!(
            objects[0]["data"]["team-a.shop.json"],
            "{\"title\": \"team-a/shop\", \"expr\": \"a{job=\\\"team-a/shop\\\"}\"}"
        );
    }

    #[test]
    fn queries_select_the_series_of_the_renamed_pods() {
        let mut objects = [json!({"kind": "PrometheusRule", "spec": {"expr":
            "a{job=\"rust-app/rust-app\"} / b{namespace=\"rust-app\",pod=~\"rust-app-.+\",container=\"rust-app\"}"}})];
        rename(
            &mut objects,
            &identity("rust-app", "rust-app"),
            &identity("shop", "team-a"),
        );
        assert_eq!(
            objects[0]["spec"]["expr"],
            "a{job=\"team-a/shop\"} / b{namespace=\"team-a\",pod=~\"shop-.+\",container=\"rust-app\"}"
        );
        assert_eq!(objects[0].get("data"), None, "an API server refuses it");
    }
}
