//! Deletes a deployment: its load balancer first, then its pods without their drain, then the rest. The
//! namespace is deleted with the last deployment in it.

use std::time::{Duration, Instant};

use cli::Printer;
use serde_json::Value;

use crate::args::Undeploy;
use crate::custom;
use crate::error::{ShipError, UndeployError};
use crate::finalizers::{self, Holder};
use crate::kubectl::{Kubectl, KubectlError, items, of_kind, text};
use crate::manifests::{Manifests, Target};
use crate::workload::{self, Selector};

/// The grace period of pods once nothing sends to them any more.
const GRACE: Duration = Duration::from_secs(5);
/// How long the deletion of an object may take.
const TIMEOUT: Duration = Duration::from_mins(10);
/// The time after which the pending finalizers are reported.
const REPORT_AFTER: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(500);
/// The kinds of objects for which a namespace is kept: workloads, Services and data.
const OCCUPANTS: &str = "deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,\
     jobs.batch,cronjobs.batch,pods,services,ingresses.networking.k8s.io,persistentvolumeclaims";

/// Deletes the Service first, and with it the load balancer in AWS, which only the controller in the
/// cluster deletes: otherwise the load balancer would leak, and incur costs.
pub(super) fn run(printer: Printer, args: &Undeploy) -> Result<(), ShipError> {
    let manifests = Manifests::render(&args.cluster.overlay)?;
    let target = &manifests.target;
    let kubectl = args.cluster.context.kubectl()?;
    let namespace = target.namespace.as_str();
    if kubectl.find(&["get", "namespace", namespace])?.is_null() {
        printer.status(&format!("Nothing to delete: no namespace {namespace}"));
        return Ok(());
    }
    let claims = kubectl.json(&["get", "pvc", "-n", namespace])?;
    let claims = held_claims(&claims, &manifests);
    if !claims.is_empty() && !args.delete_data {
        return Err(UndeployError::HoldsData {
            namespace: namespace.to_owned(),
            claims: claims.join(", "),
        }
        .into());
    }
    delete_balancer(printer, &kubectl, target)?;
    printer.status(&format!("Deleting {}", target.name()));
    for target in manifests.deployments() {
        stop_pods(&kubectl, target)?;
    }
    let (namespaces, objects): (Vec<_>, Vec<_>) = manifests
        .objects
        .iter()
        .cloned()
        .partition(|object| object["kind"] == "Namespace");
    let (existing, missing) = custom::existing(&kubectl, &objects)?;
    for (version, kinds) in missing {
        for kind in kinds {
            printer.status(&format!(
                "Nothing to delete: the cluster has no {kind} of {version}"
            ));
        }
    }
    kubectl.delete_objects(&existing)?;
    if !namespaces.is_empty() {
        delete_namespace(printer, &kubectl, &manifests)?;
    }
    printer.status("Deleted");
    Ok(())
}

/// Deletes the Service or Ingress, unless the controller that has to delete its load balancer is missing.
fn delete_balancer(printer: Printer, kubectl: &Kubectl, target: &Target) -> Result<(), ShipError> {
    let name = target.balancer_name();
    let get = ["get", &name, "-n", &target.namespace];
    let balancer = kubectl.find(&get)?;
    if balancer.is_null() {
        return Ok(());
    }
    let held = |balancer: &Value, holders, after| -> Result<UndeployError, ShipError> {
        Ok(UndeployError::Held {
            object: name.clone(),
            namespace: target.namespace.clone(),
            holders,
            event: last_warning(kubectl, balancer)?,
            after,
        })
    };
    // Before anything is deleted: a terminating object no longer serves.
    let holders = finalizers::holders(kubectl, &balancer)?;
    if holders.iter().any(Holder::is_gone) {
        return Err(held(&balancer, holders, Duration::ZERO)?.into());
    }
    printer.status(&format!("Deleting {name} and its load balancer"));
    kubectl.run(&[
        "delete",
        &name,
        "-n",
        &target.namespace,
        "--ignore-not-found",
        "--wait=false",
    ])?;
    let began = Instant::now();
    let mut reported = false;
    loop {
        let balancer = kubectl.find(&get)?;
        if balancer.is_null() {
            return Ok(());
        }
        let after = began.elapsed();
        if after >= REPORT_AFTER {
            let holders = finalizers::holders(kubectl, &balancer)?;
            if after >= TIMEOUT || holders.iter().any(Holder::is_gone) {
                return Err(held(&balancer, holders, after)?.into());
            }
            if !reported {
                for holder in &holders {
                    printer.status(&format!("Waiting: {name} is blocked by {holder}"));
                }
                reported = true;
            }
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The newest warning about an object.
fn last_warning(kubectl: &Kubectl, object: &Value) -> Result<Option<String>, KubectlError> {
    let metadata = &object["metadata"];
    let namespace = text(&metadata["namespace"]);
    let about = format!(
        "--field-selector=type=Warning,involvedObject.uid={}",
        text(&metadata["uid"])
    );
    let events = kubectl.json(&[
        "get",
        "events",
        "-n",
        &namespace,
        &about,
        "--sort-by=.lastTimestamp",
    ])?;
    Ok(items(&events["items"])
        .last()
        .map(|event| text(&event["message"])))
}

/// Stops the pods, which would otherwise drain for minutes although the load balancer is gone. A
/// terminating pod keeps its original grace period, so this precedes everything that deletes pods; the
/// controllers that would recreate them are deleted first, without them.
fn stop_pods(kubectl: &Kubectl, target: &Target) -> Result<(), KubectlError> {
    let selected = ["-n", &target.namespace, "-l", &target.selector];
    for kind in ["deployments", "replicasets"] {
        let args = ["delete", kind, "--cascade=orphan", "--timeout=1m"];
        kubectl.run(&[&args[..], &selected].concat())?;
    }
    let grace = format!("--grace-period={}", GRACE.as_secs());
    let args = ["delete", "pods", &grace, "--wait=false"];
    kubectl.run(&[&args[..], &selected].concat())?;
    Ok(())
}

/// Deletes the namespace, unless it has other objects.
fn delete_namespace(
    printer: Printer,
    kubectl: &Kubectl,
    manifests: &Manifests,
) -> Result<(), ShipError> {
    let namespace = manifests.target.namespace.as_str();
    let list = kubectl.json(&["get", OCCUPANTS, "-n", namespace])?;
    let left = occupants(&list, &workload::selectors(&manifests.objects, namespace));
    if !left.is_empty() {
        printer.status(&format!(
            "Keeping namespace {namespace}: it has {}",
            left.join(", ")
        ));
        return Ok(());
    }
    printer.status(&format!(
        "Deleting namespace {namespace} and everything in it"
    ));
    kubectl.run(&[
        "delete",
        "namespace",
        namespace,
        "--ignore-not-found",
        "--wait=false",
    ])?;
    let began = Instant::now();
    let mut reported = Vec::new();
    loop {
        let found = kubectl.find(&["get", "namespace", namespace])?;
        if found.is_null() {
            return Ok(());
        }
        let reasons = finalizers::namespace_reasons(&found);
        if began.elapsed() >= TIMEOUT {
            return Err(UndeployError::Namespace {
                namespace: namespace.to_owned(),
                reasons,
            }
            .into());
        }
        if began.elapsed() >= REPORT_AFTER && reasons != reported {
            for reason in &reasons {
                printer.status(&format!("Waiting: namespace {namespace}: {reason}"));
            }
            reported = reasons;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The claims in the namespace that would be deleted with their data: those of the manifests, those with the labels of
/// its pods, and those that a `StatefulSet` deletes with itself.
fn held_claims(list: &Value, manifests: &Manifests) -> Vec<String> {
    let selectors = workload::selectors(&manifests.objects, &manifests.target.namespace);
    let is_set = |owner: &Value| {
        let mut sets = of_kind(&manifests.objects, "StatefulSet");
        owner["kind"] == "StatefulSet" && sets.any(|set| set["metadata"]["name"] == owner["name"])
    };
    let is_held = |claim: &&Value| {
        let name = text(&claim["metadata"]["name"]);
        let of_manifests = |object: &Value| {
            object["kind"] == "PersistentVolumeClaim" && object["metadata"]["name"] == *name
        };
        selectors.iter().any(|selector| selector.selects(claim))
            || manifests.objects.iter().any(of_manifests)
            || items(&claim["metadata"]["ownerReferences"]).any(is_set)
    };
    let held = items(&list["items"]).filter(is_held);
    held.map(workload::full_name).collect()
}

/// The objects in the namespace that are not of this deployment, whose own pods may still be stopping.
fn occupants(list: &Value, own: &[Selector<'_>]) -> Vec<String> {
    let others = items(&list["items"]).filter(|item| !own.iter().any(|one| one.selects(item)));
    others.map(workload::full_name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFESTS: &str = "
kind: Deployment
metadata: {name: web, namespace: ns}
spec: {selector: {matchLabels: {app: web}}}
---
kind: StatefulSet
metadata: {name: db, namespace: ns}
spec: {selector: {matchLabels: {app: db}}}
---
kind: Deployment
metadata: {name: elsewhere, namespace: other}
spec: {selector: {matchLabels: {app: elsewhere}}}
---
kind: PersistentVolumeClaim
metadata: {name: unlabelled, namespace: ns}
---
kind: Service
metadata: {name: web, namespace: ns}
";

    fn manifests() -> Manifests {
        Manifests::parse("k8s", MANIFESTS.to_owned()).unwrap()
    }

    fn list(objects: &[(&str, &str, &str)]) -> Value {
        let object = |(kind, name, app): &(&str, &str, &str)| json!({"kind": kind, "metadata": {"name": name, "labels": {"app": app}}});
        json!({"items": objects.iter().map(object).collect::<Vec<_>>()})
    }

    #[test]
    fn all_claims_that_would_be_deleted_are_named() {
        let claim = "PersistentVolumeClaim";
        let mut found = list(&[
            (claim, "web-data", "web"),
            (claim, "data-db-0", "db"),
            (claim, "unlabelled", ""),
            (claim, "of-others", "x"),
            (claim, "elsewhere", "elsewhere"),
            (claim, "owned", "x"),
            (claim, "owned-by-others", "x"),
        ]);
        found["items"][6]["metadata"]["ownerReferences"] =
            json!([{"kind": "StatefulSet", "name": "theirs"}]);
        found["items"][5]["metadata"]["ownerReferences"] =
            json!([{"kind": "StatefulSet", "name": "db"}]);
        let expected = ["web-data", "data-db-0", "unlabelled", "owned"];
        let expected = expected.map(|name| format!("persistentvolumeclaim/{name}"));
        assert_eq!(held_claims(&found, &manifests()), expected);
    }

    #[test]
    fn a_namespace_is_kept_for_objects_of_others_alone() {
        let manifests = manifests();
        let own = workload::selectors(&manifests.objects, "ns");
        let found = list(&[
            ("Pod", "web-1", "web"),
            ("Pod", "db-0", "db"),
            ("Service", "x", "x"),
        ]);
        assert_eq!(occupants(&found, &own), ["service/x"]);
    }
}
