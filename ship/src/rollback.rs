//! Records the state before a deploy, and restores it.

use std::time::Duration;

use cli::Printer;
use serde_json::Value;

use crate::error::ShipError;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::{Manifests, Target};
use crate::owned;
use crate::snapshot::Snapshot;
use crate::wait::for_rollout;

/// The state before a deploy.
pub(crate) struct Before {
    /// Each Deployment, and its revision if it existed; first that of the service.
    deployments: Vec<(Target, Option<u64>)>,
    /// The objects other than Deployments, with the fields that an earlier deploy owns.
    objects: Vec<Value>,
}

impl Before {
    /// Reads the objects of the manifests that exist.
    pub(crate) fn read(kubectl: &Kubectl, manifests: &Manifests) -> Result<Self, KubectlError> {
        let mut deployments = Vec::new();
        for target in manifests.deployments() {
            let revision = Snapshot::take(kubectl, target)?.revision();
            deployments.push((target.clone(), revision));
        }
        let mut before = Self {
            deployments,
            objects: Vec::new(),
        };
        if before.revision(&manifests.target).is_some() {
            for object in manifests.objects.iter().filter(|one| is_restored(one)) {
                let kind = object["kind"].as_str().unwrap_or_default();
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let namespace = manifests.target.namespace.as_str();
                let args = ["get", kind, name, "-n", namespace, "--show-managed-fields"];
                before.objects.extend(owned::fields(&kubectl.find(&args)?));
            }
        }
        Ok(before)
    }

    /// The revision of a Deployment.
    pub(crate) fn revision(&self, target: &Target) -> Option<u64> {
        let mut deployments = self.deployments.iter();
        let (_, revision) = deployments.find(|(other, _)| other.name() == target.name())?;
        *revision
    }

    /// Restores everything. A failure is only printed, so that it does not hide the deploy's error.
    pub(crate) fn restore(&self, printer: Printer, kubectl: &Kubectl, timeout: Duration) {
        if self
            .deployments
            .iter()
            .all(|(_, revision)| revision.is_none())
        {
            printer.warn("there is no earlier revision to roll back to; nothing is rolled back");
            return;
        }
        match self.try_restore(printer, kubectl, timeout) {
            Ok(true) => {
                printer.status("Rolled back; the previous pods were never terminated");
            }
            Ok(false) => printer.status("The pods are unchanged; nothing to roll back"),
            Err(error) => printer.warn(&format!("the rollback failed: {error}")),
        }
    }

    /// Returns whether there was something to roll back.
    fn try_restore(
        &self,
        printer: Printer,
        kubectl: &Kubectl,
        timeout: Duration,
    ) -> Result<bool, ShipError> {
        if !self.objects.is_empty() {
            kubectl.apply_objects(&self.objects, &[])?;
        }
        let mut undone = Vec::new();
        for (target, revision) in &self.deployments {
            let current = Snapshot::take(kubectl, target)?.revision();
            let Some(revision) = revision else {
                if current.is_some() {
                    let name = target.name();
                    printer.warn(&format!("{name} has no earlier revision, and is kept"));
                }
                continue;
            };
            if current != Some(*revision) {
                undo(printer, kubectl, target, *revision)?;
                undone.push(target);
            }
        }
        for target in &undone {
            for_rollout(printer, kubectl, target, timeout)?;
        }
        Ok(!undone.is_empty())
    }
}

/// Changes a Deployment back to a revision.
fn undo(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    revision: u64,
) -> Result<(), KubectlError> {
    let name = &target.deployment;
    printer.status(&format!("Rolling {name} back to revision {revision}"));
    kubectl.run(&[
        "rollout",
        "undo",
        &format!("deployment/{name}"),
        "-n",
        &target.namespace,
        &format!("--to-revision={revision}"),
    ])?;
    Ok(())
}

/// The Deployment has its own history, and a rollback must not replace its pods; claims and their classes
/// hold data and do not change.
fn is_restored(object: &Value) -> bool {
    let kept = [
        "Deployment",
        "Namespace",
        "PersistentVolumeClaim",
        "StorageClass",
    ];
    !kept.iter().any(|kind| object["kind"] == *kind)
}
