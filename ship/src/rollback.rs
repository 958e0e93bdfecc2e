//! Records the state before a deploy, and restores it.

use std::time::Duration;

use cli::Printer;
use serde_json::Value;

use crate::error::ShipError;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::{Manifests, Target};
use crate::owned;
use crate::snapshot::Snapshot;
use crate::wait::for_rollouts;

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
        if before.exists() {
            for object in manifests.objects.iter().filter(|one| is_restored(one)) {
                let kind = object["kind"].as_str().unwrap_or_default();
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let namespace = manifests.target.namespace_of(object);
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

    /// Whether a Deployment existed.
    fn exists(&self) -> bool {
        self.deployments
            .iter()
            .any(|(_, revision)| revision.is_some())
    }

    /// Restores everything. Failures are only printed, so that they do not hide the deploy's error, and do not keep the
    /// rest from being restored.
    pub(crate) fn restore(&self, printer: Printer, kubectl: &Kubectl, timeout: Duration) {
        if !self.exists() {
            printer.warn("there is no earlier revision to roll back to; nothing is rolled back");
            return;
        }
        let mut failed = Vec::new();
        if !self.objects.is_empty()
            && let Err(error) = kubectl.apply_objects(&self.objects, &[])
        {
            failed.push(ShipError::from(error));
        }
        let mut undone = Vec::new();
        for (target, revision) in &self.deployments {
            match undo(printer, kubectl, target, *revision) {
                Ok(true) => undone.push(target),
                Ok(false) => {}
                Err(error) => failed.push(error.into()),
            }
        }
        if let Err(error) = for_rollouts(printer, kubectl, undone.iter().copied(), timeout) {
            failed.push(error);
        }
        for error in &failed {
            printer.warn(&format!("the rollback failed: {error}"));
        }
        if failed.is_empty() {
            printer.status(if undone.is_empty() {
                "No Deployment has a new revision to roll back"
            } else {
                "Rolled back"
            });
        }
    }
}

/// Changes a Deployment back to a revision, and returns whether it had another one.
fn undo(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    revision: Option<u64>,
) -> Result<bool, KubectlError> {
    let current = Snapshot::take(kubectl, target)?.revision();
    let Some(revision) = revision else {
        if current.is_some() {
            let name = target.name();
            printer.warn(&format!(
                "{name} is kept: it has no revision from before this deploy"
            ));
        }
        return Ok(false);
    };
    if current == Some(revision) {
        return Ok(false);
    }
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
    Ok(true)
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
