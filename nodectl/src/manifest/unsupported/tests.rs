//! Tests the tables against Kubernetes' schema.

use std::collections::BTreeSet;

use cli::input::Input;
use serde_json::Value;

use super::rule::rule;
use crate::manifest::parse;

/// Every supported field, once.
const SUPPORTED: &str = include_str!("../../../tests/manifests/every-field.yaml");
/// Fields that are parsed so that the later check can refuse them.
const READ_AND_REFUSED: &str = "seccompProfile.localhostProfile";
const SCHEMA: &str = include_str!("../../../../k8s/schemas/kubernetes-v1.36.json");

/// The paths of a value's fields, with `[]` for each index.
fn paths(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let dot = if prefix.is_empty() { "" } else { "." };
                let path = format!("{prefix}{dot}{key}");
                paths(&path, value, found);
                found.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                paths(&format!("{prefix}[]"), item, found);
            }
        }
        _ => {}
    }
}

/// The three probes of a container have one type.
fn one_probe(path: &str) -> String {
    path.replace("startupProbe", "livenessProbe")
        .replace("readinessProbe", "livenessProbe")
}

/// Calls `visit` for each field of a definition, and descends into a field while it returns true.
fn walk(schema: &Value, name: &str, prefix: &str, visit: &mut dyn FnMut(&str) -> bool) {
    let Some(fields) = schema["definitions"][name]["properties"].as_object() else {
        return;
    };
    for (field, value) in fields {
        let dot = if prefix.is_empty() { "" } else { "." };
        let path = format!("{prefix}{dot}{field}");
        if !visit(&path) {
            continue;
        }
        let (target, path) = match value["items"]["$ref"].as_str() {
            Some(target) => (Some(target), format!("{path}[]")),
            None => (value["$ref"].as_str(), path),
        };
        if let Some(target) = target {
            let target = target.rsplit('/').next().unwrap();
            walk(schema, target, &path, visit);
        }
    }
}

#[test]
fn every_field_of_kubernetes_is_supported_or_has_a_rule() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(SUPPORTED).unwrap();
    let mut supported = BTreeSet::new();
    for object in &objects {
        let kind = object["kind"].as_str().unwrap();
        let mut own = BTreeSet::new();
        paths("", object, &mut own);
        let own = own.iter().map(|path| format!("{kind} {}", one_probe(path)));
        supported.extend(own);
    }
    let mut seen = 0;
    let mut missing = Vec::new();
    for (kind, definition) in [
        ("Deployment", "io.k8s.api.apps.v1.Deployment"),
        ("Service", "io.k8s.api.core.v1.Service"),
    ] {
        walk(&schema, definition, "", &mut |path| {
            seen += 1;
            if rule(kind, path).is_some() {
                return false;
            }
            let known = supported.contains(&format!("{kind} {}", one_probe(path)))
                || path.ends_with(READ_AND_REFUSED);
            if !known {
                missing.push(format!("{kind} {path}"));
            }
            known
        });
    }
    assert!(seen > 200, "the schema was not walked: {seen} fields");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_supported_field_has_no_warning() {
    let document = Input {
        origin: "every-field.yaml".to_owned(),
        text: SUPPORTED.to_owned(),
    };
    let objects = parse(&[document]).unwrap();
    assert_eq!(objects.warnings, []);
}
