//! Values that an unsupported field may have, since they request what happens anyway.

use serde_json::{Value, json};

/// Whether a value requests what happens anyway; compare [`is_empty`].
pub(super) fn is_default(path: &str, value: &Value) -> bool {
    let field = path.rsplit('.').next().unwrap_or(path);
    match field {
        "hostUsers" => *value == json!(true),
        "automountServiceAccountToken" | "enableServiceLinks" => *value == json!(false),
        "dnsPolicy" => [json!("ClusterFirst"), json!("Default")].contains(value),
        "sessionAffinity" | "mountPropagation" => *value == json!("None"),
        "restartPolicy" => *value == json!("Always"),
        "recursiveReadOnly" => [json!("Disabled"), json!("IfPossible")].contains(value),
        "procMount" => *value == json!("Default"),
        "apiVersion" => *value == json!("v1"),
        "appArmorProfile" => *value == json!({"type": "Unconfined"}),
        "schedulerName" => [json!("default-scheduler"), json!("")].contains(value),
        "serviceAccount" => [json!("default"), json!("")].contains(value),
        "terminationMessagePath" => [json!("/dev/termination-log"), json!("")].contains(value),
        "terminationMessagePolicy" => [json!("File"), json!("")].contains(value),
        "ipFamilies" => [json!(["IPv4"]), json!([])].contains(value),
        "ipFamilyPolicy" => [json!("SingleStack"), json!("")].contains(value),
        "os" => *value == json!({"name": "linux"}),
        // A source that is present, even if empty, replaces the default one.
        _ if value.is_object() && (path.contains("volumes[].") || field.ends_with("KeyRef")) => {
            false
        }
        _ => is_empty(value),
    }
}

/// Whether the API server treats a value like an unset field.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}
