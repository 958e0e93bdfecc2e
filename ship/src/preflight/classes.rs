//! The classes that objects refer to by name, and which of them a cluster has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Problem;
use crate::kubectl::{Kubectl, KubectlError, items, readable, text};
use crate::manifests::of_kind;

const STORAGE_CLASS: &str = "StorageClass";

/// A kind of class, and the field that refers to one.
struct ClassKind {
    kind: &'static str,
    field: &'static str,
    /// The kind whose objects are found by the name of a class that need not exist, with the same field.
    by_name: Option<&'static str>,
}

/// Without its class, an object is either refused or waits for ever.
const CLASS_KINDS: [ClassKind; 4] = [
    ClassKind {
        kind: "IngressClass",
        field: "ingressClassName",
        by_name: None,
    },
    ClassKind {
        kind: "PriorityClass",
        field: "priorityClassName",
        by_name: None,
    },
    ClassKind {
        kind: "RuntimeClass",
        field: "runtimeClassName",
        by_name: None,
    },
    // https://kubernetes.io/docs/concepts/storage/persistent-volumes/#static
    ClassKind {
        kind: STORAGE_CLASS,
        field: "storageClassName",
        by_name: Some("PersistentVolume"),
    },
];

impl ClassKind {
    /// The classes that objects refer to, at any depth: pods and claims are also in templates, such as those of a
    /// `StatefulSet` or of an operator's object.
    fn referenced<'a>(&self, objects: &'a [Value]) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        for object in objects {
            if self.by_name.is_none_or(|kind| object["kind"] != kind) {
                collect(&object["spec"], self.field, &mut found);
            }
        }
        found
    }

    /// The classes that objects bring.
    fn brought<'a>(&self, objects: &'a [Value]) -> BTreeSet<&'a str> {
        let of_class = of_kind(objects, self.kind).map(|class| &class["metadata"]["name"]);
        let by_name = self.by_name.into_iter();
        let named = by_name.flat_map(|kind| of_kind(objects, kind));
        let named = named.map(|object| &object["spec"][self.field]);
        of_class.chain(named).filter_map(Value::as_str).collect()
    }
}

/// The values of a field at any depth.
fn collect<'a>(value: &'a Value, field: &str, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Array(values) => {
            for value in values {
                collect(value, field, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // A claim with an empty class wants a volume without one.
                    Value::String(class) if name == field && !class.is_empty() => {
                        found.insert(class);
                    }
                    _ => collect(value, field, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The claims that name neither a class nor a volume.
fn claims_without_class(objects: &[Value]) -> Vec<String> {
    let is_open = |claim: &Value| {
        // An empty class is one: it means a volume without a class.
        claim["spec"]["storageClassName"].is_null() && claim["spec"]["volumeName"].is_null()
    };
    let mut found = Vec::new();
    for claim in of_kind(objects, "PersistentVolumeClaim").filter(|claim| is_open(claim)) {
        found.push(text(&claim["metadata"]["name"]));
    }
    for set in of_kind(objects, "StatefulSet") {
        let templates = items(&set["spec"]["volumeClaimTemplates"]);
        let names = templates.filter(|claim| is_open(claim)).map(|claim| {
            format!(
                "{} of {}",
                text(&claim["metadata"]["name"]),
                text(&set["metadata"]["name"])
            )
        });
        found.extend(names);
    }
    found
}

/// Whether claims without a class get a volume: by the default class, or since a volume has no class either.
fn serves_any_claim(object: &Value) -> bool {
    /// <https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass>
    const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
    match object["kind"].as_str() {
        Some("StorageClass") => object["metadata"]["annotations"][DEFAULT] == "true",
        Some("PersistentVolume") => text(&object["spec"]["storageClassName"]).is_empty(),
        _ => false,
    }
}

/// The classes in a cluster, and what is found by the name of one, by the kind of class. Only the kinds that the
/// manifests need are read; `None` means that the user may not read them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classes(pub(super) BTreeMap<&'static str, Option<Vec<Value>>>);

impl Classes {
    /// Queries the API server.
    pub(super) fn gather(kubectl: &Kubectl, objects: &[Value]) -> Result<Self, KubectlError> {
        let list = |kind: &str| -> Result<Option<Vec<Value>>, KubectlError> {
            let list = readable(kubectl.json(&["get", kind]))?;
            Ok(list.map(|list| items(&list["items"]).cloned().collect()))
        };
        let mut classes = Self::default();
        for kind in &CLASS_KINDS {
            let claims = kind.kind == STORAGE_CLASS && !claims_without_class(objects).is_empty();
            if kind.referenced(objects).is_empty() && !claims {
                continue;
            }
            let mut found = list(kind.kind)?;
            if let Some(by_name) = kind.by_name {
                found = found.zip(list(by_name)?).map(|(mut found, more)| {
                    found.extend(more);
                    found
                });
            }
            classes.0.insert(kind.kind, found);
        }
        Ok(classes)
    }

    /// What the cluster has of a kind of class.
    fn of(&self, kind: &str) -> Option<&[Value]> {
        self.0.get(kind)?.as_deref()
    }

    /// The classes that objects need and that neither the cluster nor the objects have.
    pub(super) fn missing(&self, objects: &[Value]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for kind in &CLASS_KINDS {
            let Some(found) = self.of(kind.kind) else {
                continue;
            };
            let known = &kind.brought(found) | &kind.brought(objects);
            let missing = &kind.referenced(objects) - &known;
            problems.extend(missing.into_iter().map(|name| Problem::NoClass {
                kind: kind.kind,
                name: name.to_owned(),
            }));
        }
        problems.extend(self.missing_default(objects));
        problems
    }

    fn missing_default(&self, objects: &[Value]) -> Option<Problem> {
        let found = self.of(STORAGE_CLASS)?;
        let claims = claims_without_class(objects);
        let is_served = found.iter().chain(objects).any(serves_any_claim);
        (!claims.is_empty() && !is_served).then_some(Problem::NoDefaultStorageClass { claims })
    }
}
