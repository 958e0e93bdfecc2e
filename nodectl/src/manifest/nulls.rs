//! Values that mean "unset": `null`, which the API server decodes as the zero value, and the zero values for
//! which it has a default. Templates emit both.

use serde_json::{Map, Value};

/// Fields that map names to texts, in which `null` is an empty text and not a missing entry.
const TEXT_MAPS: [&str; 5] = [
    "annotations",
    "labels",
    "matchLabels",
    "nodeSelector",
    "selector",
];

const IN_METADATA: [&str; 1] = ["metadata.namespace"];

/// Fields of a Deployment whose zero value the API server replaces by a default (`SetDefaults_…` of
/// Kubernetes) or treats as unset; `[]` stands for every item of a list.
const IN_DEPLOYMENT: [&str; 4] = [
    "spec.strategy.type",
    "spec.template.spec.dnsPolicy",
    "spec.template.spec.restartPolicy",
    "spec.template.spec.serviceAccountName",
];

/// The same of a container.
const IN_CONTAINER: [&str; 5] = [
    "env[].valueFrom.fieldRef.apiVersion",
    "env[].valueFrom.resourceFieldRef.containerName",
    "imagePullPolicy",
    "ports[].name",
    "ports[].protocol",
];

/// The same of a probe.
const IN_PROBE: [&str; 3] = ["httpGet.host", "httpGet.scheme", "tcpSocket.host"];

/// The same of a Service.
const IN_SERVICE: [&str; 5] = [
    "spec.ports[].name",
    "spec.ports[].protocol",
    "spec.ports[].targetPort",
    "spec.sessionAffinity",
    "spec.type",
];

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

/// Removes the fields of an object that have a zero value which means "unset".
pub(super) fn strip_zeroes(kind: &str, object: &mut Value) {
    let remove = |object: &mut Value, paths: &[&str]| {
        for path in paths {
            remove_zero(object, path);
        }
    };
    match kind {
        "Deployment" => {
            remove(object, &IN_DEPLOYMENT);
            let containers = object.pointer_mut("/spec/template/spec/containers");
            let containers = containers.and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                remove(container, &IN_CONTAINER);
                for probe in PROBES {
                    if let Some(probe) = container.get_mut(probe) {
                        remove(probe, &IN_PROBE);
                    }
                }
            }
        }
        "Service" => remove(object, &IN_SERVICE),
        _ => return,
    }
    remove(object, &IN_METADATA);
}

/// Removes the fields at a path that are an empty text or 0.
fn remove_zero(value: &mut Value, path: &str) {
    let Some((step, rest)) = path.split_once('.') else {
        if value.get(path).is_some_and(|of| *of == "" || *of == 0)
            && let Value::Object(map) = value
        {
            map.remove(path);
        }
        return;
    };
    match step.strip_suffix("[]") {
        None => {
            if let Some(value) = value.get_mut(step) {
                remove_zero(value, rest);
            }
        }
        Some(list) => {
            let items = value.get_mut(list).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                remove_zero(item, rest);
            }
        }
    }
}

/// Removes every entry of an object that is `null`.
pub(super) fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if let Value::Object(texts) = value
                    && TEXT_MAPS.contains(&key.as_str())
                    && !is_label_selector(texts)
                {
                    for text in texts.values_mut().filter(|text| text.is_null()) {
                        *text = Value::String(String::new());
                    }
                }
            }
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A Deployment's `selector` is a `LabelSelector`; a Service's is a map of labels.
fn is_label_selector(map: &Map<String, Value>) -> bool {
    map.contains_key("matchLabels") || map.contains_key("matchExpressions")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_is_missing_except_in_maps_of_texts() {
        let mut value = json!({
            "labels": {"a": null, "b": "c"},
            "env": null,
            "list": [{"x": null, "y": 1}, null],
            "selector": {"matchLabels": null},
        });
        strip(&mut value);
        assert_eq!(
            value,
            json!({
                "labels": {"a": "", "b": "c"},
                "list": [{"y": 1}, null],
                "selector": {},
            })
        );
    }
}
