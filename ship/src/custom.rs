//! Custom resources in the manifests, and which of them a cluster serves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::kubectl::{Kubectl, KubectlError, items};

/// The built-in API groups below `k8s.io`. Others there, such as the Gateway API's, are custom resources.
/// <https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#api-groups>
const BUILT_IN: [&str; 16] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// A kind of object: its `apiVersion` and its `kind`.
pub(crate) type Kind = (String, String);

/// The kinds of each version of an API group.
pub(crate) type Kinds<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Whether a version of an API group is of custom resources. Built-in groups have no dot in their names,
/// or are below `k8s.io`.
fn is_custom(version: &str) -> bool {
    let (group, _) = version.split_once('/').unwrap_or_default();
    group.contains('.') && !BUILT_IN.contains(&group)
}

/// The kinds of each version among the objects.
pub(crate) fn kinds(objects: &[Value]) -> Kinds<'_> {
    let mut kinds = Kinds::new();
    for object in objects {
        let (version, kind) = kind(object);
        if is_custom(version) {
            kinds.entry(version).or_default().insert(kind);
        }
    }
    kinds
}

/// Which kinds of the given versions are served, by the groups that `/apis` lists.
pub(crate) fn served(
    kubectl: &Kubectl,
    apis: &Value,
    versions: &BTreeSet<&str>,
) -> Result<BTreeSet<Kind>, KubectlError> {
    let mut kinds = BTreeSet::new();
    let known = items(&apis["groups"])
        .flat_map(|group| items(&group["versions"]))
        .filter_map(|version| version["groupVersion"].as_str());
    for version in known.filter(|version| versions.contains(version)) {
        let list = kubectl.raw(&format!("/apis/{version}"))?;
        let kind = |resource: &Value| resource["kind"].as_str().map(str::to_owned);
        let found = items(&list["resources"]).filter_map(kind);
        kinds.extend(found.map(|kind| (version.to_owned(), kind)));
    }
    Ok(kinds)
}

/// The kinds among the objects that are not served.
pub(crate) fn missing<'a>(objects: &'a [Value], served: &BTreeSet<Kind>) -> Kinds<'a> {
    let mut missing = kinds(objects);
    missing.retain(|version, kinds| {
        kinds.retain(|kind| !served.contains(&((*version).to_owned(), (*kind).to_owned())));
        !kinds.is_empty()
    });
    missing
}

/// The objects whose kinds a cluster serves, and the kinds of the others.
pub(crate) fn existing<'a>(
    kubectl: &Kubectl,
    objects: &'a [Value],
) -> Result<(Vec<Value>, Kinds<'a>), KubectlError> {
    let versions: BTreeSet<_> = kinds(objects).into_keys().collect();
    if versions.is_empty() {
        return Ok((objects.to_vec(), Kinds::new()));
    }
    let served = served(kubectl, &kubectl.raw("/apis")?, &versions)?;
    let missing = missing(objects, &served);
    let exists = |object: &&Value| {
        let (version, kind) = kind(object);
        !missing
            .get(version)
            .is_some_and(|kinds| kinds.contains(kind))
    };
    let existing = objects.iter().filter(exists).cloned().collect();
    Ok((existing, missing))
}

fn kind(object: &Value) -> (&str, &str) {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    (text("apiVersion"), text("kind"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_that_are_not_built_in_are_custom() {
        let object = |version, kind| json!({"apiVersion": version, "kind": kind});
        let objects = [
            object("v1", "Service"),
            object("apps/v1", "Deployment"),
            object("networking.k8s.io/v1", "Ingress"),
            object("gateway.networking.k8s.io/v1", "Gateway"),
            object("monitoring.coreos.com/v1", "PodMonitor"),
            object("monitoring.coreos.com/v1", "PrometheusRule"),
        ];
        let expected = [
            ("gateway.networking.k8s.io/v1", BTreeSet::from(["Gateway"])),
            (
                "monitoring.coreos.com/v1",
                BTreeSet::from(["PodMonitor", "PrometheusRule"]),
            ),
        ];
        assert_eq!(kinds(&objects), BTreeMap::from(expected));
    }
}
