//! The classes that objects refer to by name, and which of them a cluster has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Problem;
use super::templates::{Claim, claims, pod_specs, storage_class};
use crate::kubectl::{Kubectl, KubectlError, items, of_kind, readable, text};

/// A kind of class. Without its class, an object is either refused or waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClassKind {
    Ingress,
    Priority,
    Runtime,
    Storage,
}

impl ClassKind {
    const ALL: [Self; 4] = [Self::Ingress, Self::Priority, Self::Runtime, Self::Storage];

    /// Its `kind`.
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "IngressClass",
            Self::Priority => "PriorityClass",
            Self::Runtime => "RuntimeClass",
            Self::Storage => "StorageClass",
        }
    }

    /// The classes that objects refer to. Claims in `existing` have their volume, or wait for one already.
    fn referenced(self, objects: &[Value], existing: &[String]) -> BTreeSet<String> {
        let of_pods = |field: &str| {
            let names = pod_specs(objects)
                .into_iter()
                .map(|spec| text(&spec[field]));
            names.collect::<BTreeSet<_>>()
        };
        let mut found = match self {
            Self::Ingress => {
                let ingresses = of_kind(objects, "Ingress");
                ingresses
                    .map(|ingress| text(&ingress["spec"]["ingressClassName"]))
                    .collect()
            }
            Self::Priority => of_pods("priorityClassName"),
            Self::Runtime => of_pods("runtimeClassName"),
            Self::Storage => {
                let claims = claims(objects);
                let new = claims.iter().filter(|claim| !claim.is_among(existing));
                new.filter_map(Claim::class).map(str::to_owned).collect()
            }
        };
        // A claim with an empty class wants a volume without one.
        found.remove("");
        found
    }

    /// The classes that objects bring. A claim also binds to a volume of the same class if there is no such object:
    /// <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#static>.
    fn brought(self, objects: &[Value]) -> BTreeSet<String> {
        let classes = of_kind(objects, self.name()).map(|class| text(&class["metadata"]["name"]));
        let volumes = of_kind(objects, "PersistentVolume").filter(|_| self == Self::Storage);
        let volumes = volumes.filter_map(storage_class).map(str::to_owned);
        classes.chain(volumes).collect()
    }
}

/// Whether an object is a volume of a claim.
fn is_taken(object: &Value) -> bool {
    object["kind"] == "PersistentVolume" && !object["spec"]["claimRef"].is_null()
}

/// Whether a claim without a class gets a volume by this: the default class, or a volume without one.
fn serves_any_claim(object: &Value) -> bool {
    /// <https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass>, and its former name.
    const DEFAULT: [&str; 2] = [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ];
    match object["kind"].as_str() {
        Some("StorageClass") => DEFAULT
            .iter()
            .any(|annotation| object["metadata"]["annotations"][*annotation] == "true"),
        Some("PersistentVolume") => storage_class(object).unwrap_or_default().is_empty(),
        _ => false,
    }
}

/// The classes in a cluster, of the kinds that the manifests need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classes {
    /// The classes of each kind; with those of storage, the volumes. `None` means that the user may not read them.
    pub(super) found: BTreeMap<ClassKind, Option<Vec<Value>>>,
    /// The names of the claims in the namespace.
    pub(super) claims: Vec<String>,
}

impl Classes {
    /// Queries the API server.
    pub(super) fn gather(
        kubectl: &Kubectl,
        namespace: &str,
        objects: &[Value],
    ) -> Result<Self, KubectlError> {
        let list = |args: &[&str]| -> Result<Option<Vec<Value>>, KubectlError> {
            let list = readable(kubectl.json(&[&["get"], args].concat()))?;
            Ok(list.map(|list| items(&list["items"]).cloned().collect()))
        };
        let mut classes = Self::default();
        for kind in ClassKind::ALL {
            let is_storage = kind == ClassKind::Storage;
            let is_needed = if is_storage {
                !claims(objects).is_empty()
            } else {
                !kind.referenced(objects, &[]).is_empty()
            };
            if !is_needed {
                continue;
            }
            // Both kinds, or neither.
            let resources = if is_storage {
                "StorageClass,PersistentVolume"
            } else {
                kind.name()
            };
            let mut found = list(&[resources])?;
            if let Some(found) = &mut found {
                found.retain(|object| !is_taken(object));
            }
            classes.found.insert(kind, found);
            if is_storage {
                let found = list(&["PersistentVolumeClaim", "-n", namespace])?;
                let names = found
                    .iter()
                    .flatten()
                    .map(|claim| text(&claim["metadata"]["name"]));
                classes.claims = names.collect();
            }
        }
        Ok(classes)
    }

    /// The classes that objects need and that neither the cluster nor the objects have.
    pub(super) fn missing(&self, objects: &[Value]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (&kind, found) in &self.found {
            let Some(found) = found else {
                continue;
            };
            let known = &kind.brought(found) | &kind.brought(objects);
            let missing = &kind.referenced(objects, &self.claims) - &known;
            problems.extend(missing.into_iter().map(|name| Problem::NoClass {
                kind: kind.name(),
                name,
            }));
            if kind == ClassKind::Storage {
                problems.extend(self.missing_default(objects, found));
            }
        }
        problems
    }

    fn missing_default(&self, objects: &[Value], found: &[Value]) -> Option<Problem> {
        let claims: Vec<_> = claims(objects)
            .into_iter()
            .filter(|claim| claim.class().is_none() && !claim.names_volume())
            .filter(|claim| !claim.is_among(&self.claims))
            .map(|claim| claim.name)
            .collect();
        let is_served = found.iter().chain(objects).any(serves_any_claim);
        (!claims.is_empty() && !is_served).then_some(Problem::NoDefaultStorageClass { claims })
    }
}
