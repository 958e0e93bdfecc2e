//! The pods and claims that objects have templates of.

use serde_json::Value;

use crate::kubectl::{items, text};

/// The groups of policies, which have patterns for objects in the place of objects.
const POLICY_GROUPS: [&str; 2] = ["gatekeeper.sh", "kyverno.io"];

/// A claim, or a template of claims.
pub(super) struct Claim<'a> {
    /// For messages.
    pub(super) name: String,
    object: &'a Value,
    created_as: CreatedAs,
}

/// The names of the claims that are created from a claim or a template.
enum CreatedAs {
    One(String),
    /// This name, and the number of the pod.
    Numbered(String),
    Unknown,
}

impl Claim<'_> {
    /// The name of its class; empty if it wants a volume without one.
    pub(super) fn class(&self) -> Option<&str> {
        storage_class(self.object)
    }

    /// Whether it names the volume that it is for.
    pub(super) fn names_volume(&self) -> bool {
        !self.object["spec"]["volumeName"].is_null()
    }

    /// Whether a claim that was created from it is among `existing` names.
    pub(super) fn is_among(&self, existing: &[String]) -> bool {
        let is_from = |other: &String| match &self.created_as {
            CreatedAs::One(name) => other == name,
            CreatedAs::Numbered(name) => {
                let rest = other.strip_prefix(name.as_str());
                let number = rest.and_then(|rest| rest.strip_prefix('-'));
                number.is_some_and(|number| number.parse::<u32>().is_ok())
            }
            CreatedAs::Unknown => false,
        };
        existing.iter().any(is_from)
    }
}

/// The name of the storage class of a claim or a volume.
pub(super) fn storage_class(object: &Value) -> Option<&str> {
    // Kubernetes still prefers the annotation that precedes the field:
    // https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/component-helpers/storage/volume/helpers.go
    let annotation = &object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"];
    let class = annotation.as_str();
    class.or_else(|| object["spec"]["storageClassName"].as_str())
}

/// The claims among objects, and their templates at any depth: those of a `StatefulSet`, of a pod's ephemeral volumes,
/// and of operators' objects.
pub(super) fn claims(objects: &[Value]) -> Vec<Claim<'_>> {
    let mut found = Vec::new();
    for object in deployed(objects) {
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        if kind == "PersistentVolumeClaim" {
            found.push(Claim {
                name: name.clone(),
                object,
                created_as: CreatedAs::One(name),
            });
            continue;
        }
        let mut templates = Vec::new();
        find(&object["spec"], "volumeClaimTemplate", &mut templates);
        let mut lists = Vec::new();
        find(&object["spec"], "volumeClaimTemplates", &mut lists);
        templates.extend(lists.into_iter().flat_map(items));
        for claim in templates {
            let template = text(&claim["metadata"]["name"]);
            let created_as = if kind == "StatefulSet" {
                CreatedAs::Numbered(format!("{template}-{name}"))
            } else {
                CreatedAs::Unknown
            };
            let what = if template.is_empty() {
                "a template"
            } else {
                &template
            };
            found.push(Claim {
                name: format!("{what} of {kind} {name}"),
                object: claim,
                created_as,
            });
        }
    }
    found
}

/// The specifications of pods among objects, and in templates at any depth.
pub(super) fn pod_specs(objects: &[Value]) -> Vec<&Value> {
    let mut found = Vec::new();
    for object in deployed(objects) {
        if object["kind"] == "Pod" {
            found.push(&object["spec"]);
        }
        let mut templates = Vec::new();
        find(&object["spec"], "template", &mut templates);
        found.extend(templates.into_iter().map(|template| &template["spec"]));
    }
    found
}

/// The objects that are not policies.
fn deployed(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|object| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, _) = version.split_once('/').unwrap_or_default();
        !POLICY_GROUPS.iter().any(|policies| {
            let rest = group.strip_suffix(policies);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    })
}

/// The values of a field at any depth.
fn find<'a>(value: &'a Value, field: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => {
            for value in values {
                find(value, field, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field {
                    found.push(value);
                }
                find(value, field, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
