//! The fields of Deployments and Services that are not supported here, each with a rule.
//!
//! A field is supported, refused, or, if it has no effect on one machine without an API server, ignored
//! with a warning that names its path. A field that restricts or protects is never ignored. Fields that
//! Kubernetes does not know are refused, as by `kubectl apply`.

mod tables;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use self::Rule::{Ignored, Refused, Silent};
use self::tables::{CONTAINER, DEPLOYMENT, Entry, METADATA, POD, POD_LISTS, SERVICE};

/// The rule for an unsupported field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is ignored without a warning.
    Silent,
    /// It is ignored with a warning.
    Ignored,
    /// It is refused, with the reason.
    Refused(&'static str),
}

/// Metadata that has no effect in a pod template.
const POD_METADATA: [&str; 2] = ["name", "namespace"];

const TEMPLATE: &str = "spec.template.";
const POD_SPEC: &str = "spec.template.spec.";
const CONTAINERS: &str = "spec.template.spec.containers[].";

/// The rule for a field of a kind, or `None` if Kubernetes does not know the field. `path` has `[]`
/// for every index.
fn rule(kind: &str, path: &str) -> Option<Rule> {
    let find = |table: &[Entry], path: &str| {
        table
            .iter()
            .find(|(known, _)| *known == path)
            .map(|(_, rule)| *rule)
    };
    let common = || find(&METADATA, path);
    match kind {
        "Service" => common().or_else(|| find(&SERVICE, path)),
        "Deployment" => common()
            .or_else(|| find(&DEPLOYMENT, path))
            .or_else(|| find(&CONTAINER, path.strip_prefix(CONTAINERS)?))
            .or_else(|| find(&POD, path.strip_prefix(POD_SPEC)?))
            .or_else(|| find(&POD_LISTS, path.strip_prefix(POD_SPEC)?))
            .or_else(|| {
                let field = path.strip_prefix(TEMPLATE)?;
                let name = field.strip_prefix("metadata.")?;
                if POD_METADATA.contains(&name) {
                    return Some(Silent);
                }
                find(&METADATA, field)
            }),
        _ => None,
    }
}

/// Whether a value requests what happens anyway; compare [`is_empty`].
fn is_default(path: &str, value: &Value) -> bool {
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

/// The unsupported fields of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsupported {
    /// Paths that are warned about.
    pub(super) ignored: Vec<String>,
    /// Paths that are refused, each with the reason.
    pub(super) refused: Vec<(String, &'static str)>,
}

/// Applies the rules to the fields of `object` that its type does not have. `unread` has their paths.
pub(super) fn judge(kind: &str, object: &Value, unread: &[Vec<String>]) -> Unsupported {
    let mut found = Unsupported::default();
    for steps in unread {
        let value = steps.iter().try_fold(object, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            Value::Object(map) => map.get(step),
            _ => None,
        });
        let pattern = join(steps, |_| String::new());
        let path = join(steps, str::to_owned);
        match rule(kind, &pattern) {
            None => found.refused.push((path, "unknown field")),
            Some(Silent) => {}
            Some(_) if value.is_some_and(|value| is_default(&pattern, value)) => {}
            Some(Ignored) => found.ignored.push(path),
            Some(Refused(reason)) => found.refused.push((path, reason)),
        }
    }
    found
}

/// `a.b[0].c`, with every index written by `index`.
fn join(steps: &[String], index: impl Fn(&str) -> String) -> String {
    let mut path = String::new();
    for step in steps {
        if step.bytes().all(|c| c.is_ascii_digit()) {
            path.extend(["[", &index(step), "]"]);
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step);
        }
    }
    path
}
