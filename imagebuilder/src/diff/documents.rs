//! Compares documents as JSON, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields that differ, each with its value in A and B, which is null if the field is missing.
pub(super) fn fields(a: &Value, b: &Value) -> Vec<(String, Value, Value)> {
    let (a, b) = (flat(a), flat(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let get = |map: &BTreeMap<String, Value>, name: &str| map.get(name).cloned();
    names
        .into_iter()
        .map(|name| (name.clone(), get(&a, name), get(&b, name)))
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| (name, a.unwrap_or_default(), b.unwrap_or_default()))
        .collect()
}

/// Each leaf value, by its path: `config.Env[0]`.
fn flat(value: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    walk(String::new(), value, &mut out);
    out
}

fn walk(name: String, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let simple = !key.is_empty()
                    && key
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let name = match (name.as_str(), simple) {
                    ("", _) => key.clone(),
                    (name, true) => format!("{name}.{key}"),
                    (name, false) => format!("{name}[{key:?}]"),
                };
                walk(name, value, out);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for (at, value) in values.iter().enumerate() {
                walk(format!("{name}[{at}]"), value, out);
            }
        }
        value => {
            out.insert(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_by_its_path() {
        let a =
            serde_json::json!({"x": 1, "config": {"Env": ["A=1", "B=2"], "Labels": {"a.b": "c"}}});
        let b = serde_json::json!({"x": 1, "config": {"Env": ["A=1", "B=3"], "Labels": {}, "User": "1"}});
        let names: Vec<_> = fields(&a, &b)
            .into_iter()
            .map(|(name, a, b)| format!("{name}: {a} {b}"))
            .collect();
        assert_eq!(
            names,
            [
                "config.Env[1]: \"B=2\" \"B=3\"",
                "config.Labels: null {}",
                "config.Labels[\"a.b\"]: \"c\" null",
                "config.User: null \"1\"",
            ]
        );
        assert_eq!(fields(&a, &a), []);
    }
}
