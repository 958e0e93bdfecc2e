//! The cases of `validation.yaml`.

use serde_json::{Value, json};

const TABLE: &str = include_str!("validation.yaml");

/// One manifest and what is expected of it.
pub(crate) struct Case {
    /// What is peculiar to it.
    pub(crate) name: String,
    /// A Deployment and a Service.
    pub(crate) objects: [Value; 2],
    /// Kubernetes accepts it.
    pub(crate) kubernetes: bool,
    /// nodectl accepts it.
    pub(crate) nodectl: bool,
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let table: Value = serde_saphyr::from_str(TABLE).expect("the table is YAML");
    let accepted = |value: &Value| match value.as_str() {
        Some("accepted") => true,
        Some("refused") => false,
        other => panic!("{other:?} is neither accepted nor refused"),
    };
    let cases = table["cases"].as_array().expect("the table has cases");
    cases
        .iter()
        .map(|case| Case {
            name: case["name"].as_str().expect("a case has a name").to_owned(),
            objects: objects(&table["base"], case),
            kubernetes: accepted(&case["kubernetes"]),
            nodectl: accepted(case.get("nodectl").unwrap_or(&case["kubernetes"])),
        })
        .collect()
}

/// A JSON merge patch (RFC 7386), except that `keep_null` keeps `null`.
fn merge(target: &mut Value, patch: &Value, keep_null: bool) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if !value.is_null() || keep_null {
            merge(&mut target[key], value, keep_null);
        } else if let Some(map) = target.as_object_mut() {
            map.remove(key);
        }
    }
}

fn objects(base: &Value, case: &Value) -> [Value; 2] {
    let keep_null = case["keep_null"] == true;
    let patch = |target: &mut Value, field: &str| {
        if let Some(patch) = case.get(field) {
            merge(target, patch, keep_null);
        }
    };
    let mut deployment = base["deployment"].clone();
    let mut service = base["service"].clone();
    patch(&mut service, "service");
    patch(&mut deployment, "deployment");
    let pod = &mut deployment["spec"]["template"]["spec"];
    if case.get("container").is_some() {
        patch(&mut pod["containers"][0], "container");
    }
    patch(pod, "pod");
    [deployment, service]
}
