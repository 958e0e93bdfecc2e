//! The part of a live object that an earlier deploy applied: the fields that `ship` owns according to
//! `metadata.managedFields`, in the format `FieldsV1`.
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/>

use serde_json::{Map, Value};

/// Applying the result again sets and owns the same fields as the deploy that applied them. `None` if
/// `ship` has applied nothing.
pub(crate) fn fields(object: &Value) -> Option<Value> {
    let mut managers = object["metadata"]["managedFields"].as_array()?.iter();
    let owned = managers.find(|one| one["manager"] == "ship" && one["operation"] == "Apply")?;
    let mut applied = select(object, &owned["fieldsV1"])?;
    for identity in ["apiVersion", "kind"] {
        applied[identity] = object[identity].clone();
    }
    for identity in ["name", "namespace"] {
        if !object["metadata"][identity].is_null() {
            applied["metadata"][identity] = object["metadata"][identity].clone();
        }
    }
    Some(applied)
}

fn select(value: &Value, fields: &Value) -> Option<Value> {
    let fields = fields.as_object()?;
    // No children: the whole value is owned.
    if fields.keys().all(|key| key == ".") {
        return Some(value.clone());
    }
    match value {
        Value::Object(object) => {
            let mut selected = Map::new();
            for (key, children) in fields {
                let Some(name) = key.strip_prefix("f:") else {
                    continue;
                };
                if let Some(child) = object.get(name) {
                    selected.insert(name.to_owned(), select(child, children)?);
                }
            }
            Some(Value::Object(selected))
        }
        Value::Array(items) => {
            let selected = items.iter().filter_map(|item| {
                let (_, children) = fields.iter().find(|(key, _)| names(key, item))?;
                select(item, children)
            });
            Some(Value::Array(selected.collect()))
        }
        scalar => Some(scalar.clone()),
    }
}

/// Whether a key names an item of a list: `k:{"port":80}` by its keys, `v:"TCP"` by its value.
fn names(key: &str, item: &Value) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    if let Some(keys) = key.strip_prefix("k:") {
        let keys = parse(keys);
        let mut keys = keys.as_object().into_iter().flatten();
        return keys.all(|(name, value)| &item[name] == value);
    }
    key.strip_prefix("v:")
        .is_some_and(|value| &parse(value) == item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A Service that `ship` applied, as the API server of Kubernetes 1.36 returns it.
    #[test]
    fn the_fields_that_ship_applied_are_selected() {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "s", "namespace": "n", "uid": "1", "resourceVersion": "2",
                "annotations": {"ours": "1", "theirs": "2"},
                "finalizers": ["service.k8s.aws/resources"],
                "managedFields": [
                    {"manager": "controller", "operation": "Update", "fieldsV1": {}},
                    {"manager": "ship", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:annotations": {"f:ours": {}}},
                        "f:spec": {
                            "f:type": {}, "f:selector": {},
                            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}":
                                {".": {}, "f:port": {}, "f:name": {}, "f:targetPort": {}}}}}},
                ],
            },
            "spec": {
                "type": "LoadBalancer", "clusterIP": "10.96.0.7", "selector": {"app": "x"},
                "ports": [
                    {"port": 80, "protocol": "TCP", "name": "http", "targetPort": 5000, "nodePort": 30000},
                    {"port": 81, "protocol": "TCP"},
                ],
            },
            "status": {"loadBalancer": {}},
        });
        assert_eq!(
            fields(&service).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "s", "namespace": "n", "annotations": {"ours": "1"}},
                "spec": {"type": "LoadBalancer", "selector": {"app": "x"},
                    "ports": [{"port": 80, "name": "http", "targetPort": 5000}]},
            })
        );
    }

    #[test]
    fn an_object_that_ship_never_applied_has_nothing_to_restore() {
        let others = json!({"metadata": {"managedFields": [{"manager": "kubectl"}]}});
        assert_eq!(fields(&others), None);
        assert_eq!(fields(&Value::Null), None);
    }
}
