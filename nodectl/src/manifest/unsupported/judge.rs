//! Applies the rules to an object.

use serde_json::Value;

use super::default_value::is_default;
use super::rule::rule;
use super::tables::Rule::{Ignored, Refused, Silent};

/// The unsupported fields of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::manifest) struct Unsupported {
    /// Paths that are warned about.
    pub(in crate::manifest) ignored: Vec<String>,
    /// Paths that are refused, each with the reason.
    pub(in crate::manifest) refused: Vec<(String, &'static str)>,
}

/// Applies the rules to the fields of `object` that its type does not have. `unread` has their paths.
pub(in crate::manifest) fn judge(
    kind: &str,
    object: &Value,
    unread: &[Vec<String>],
) -> Unsupported {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, steps: &[&str], value: Value) -> Unsupported {
        let object = steps.iter().rev().fold(value, |value, step| {
            if step.parse::<usize>().is_ok() {
                json!([value])
            } else {
                json!({ (*step): value })
            }
        });
        let steps = steps.iter().map(ToString::to_string).collect();
        judge(kind, &object, &[steps])
    }

    #[test]
    fn protecting_fields_are_refused_and_ineffective_ones_ignored() {
        let pod = |field: &[&str], value: Value| {
            object(
                "Deployment",
                &[&["spec", "template", "spec"], field].concat(),
                value,
            )
        };
        let refused = |field: &[&str], value: Value| {
            let found = pod(field, value);
            assert_eq!(found.ignored.len(), 0, "{found:?}");
            assert_eq!(found.refused.len(), 1, "{field:?}");
        };
        refused(&["runtimeClassName"], json!("gvisor"));
        refused(&["hostUsers"], json!(false));
        refused(
            &["securityContext", "appArmorProfile"],
            json!({"type": "RuntimeDefault"}),
        );
        refused(&["containers", "0", "envFrom"], json!([{}]));
        refused(&["volumes", "0", "configMap"], json!({}));
        refused(&["containerz"], json!([]));
        let silent = |field: &[&str], value: Value| {
            assert_eq!(pod(field, value), Unsupported::default(), "{field:?}");
        };
        silent(&["hostUsers"], json!(true));
        silent(&["initContainers"], json!([]));
        silent(&["affinity"], json!({"podAntiAffinity": {}}));
        silent(&["dnsPolicy"], json!("ClusterFirst"));
        silent(
            &["securityContext", "appArmorProfile"],
            json!({"type": "Unconfined"}),
        );
        let found = pod(&["containers", "0", "ports", "0", "hostIP"], json!("::1"));
        let path = "spec.template.spec.containers[0].ports[0].hostIP";
        assert_eq!(found.ignored, [path]);
    }
}
