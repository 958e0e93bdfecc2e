//! `null` in manifests: templates emit it for unset values, and the API server decodes it as the zero
//! value.

use serde_json::{Map, Value};

/// Fields that map names to texts, in which `null` is an empty text and not a missing entry.
const TEXT_MAPS: [&str; 5] = [
    "annotations",
    "labels",
    "matchLabels",
    "nodeSelector",
    "selector",
];

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
