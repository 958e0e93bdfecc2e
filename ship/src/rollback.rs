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
    revision: Option<u64>,
    /// The objects other than the Deployment, with the fields that an earlier deploy owns.
    objects: Vec<Value>,
}

impl Before {
    /// Reads the objects of the manifests that exist.
    pub(crate) fn read(kubectl: &Kubectl, manifests: &Manifests) -> Result<Self, KubectlError> {
        let revision = Snapshot::take(kubectl, &manifests.target)?.revision();
        let mut objects = Vec::new();
        if revision.is_some() {
            for object in manifests.objects.iter().filter(|one| is_restored(one)) {
                let kind = object["kind"].as_str().unwrap_or_default();
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let namespace = manifests.target.namespace.as_str();
                let args = ["get", kind, name, "-n", namespace, "--show-managed-fields"];
                objects.extend(owned::fields(&kubectl.find(&args)?));
            }
        }
        Ok(Self { revision, objects })
    }

    /// The Deployment's revision.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// Restores everything. A failure is only printed, so that it does not hide the deploy's error.
    pub(crate) fn restore(
        &self,
        printer: Printer,
        kubectl: &Kubectl,
        target: &Target,
        timeout: Duration,
    ) {
        let Some(revision) = self.revision else {
            printer.warn("there is no earlier revision to roll back to; nothing is rolled back");
            return;
        };
        match self.try_restore(printer, kubectl, target, revision, timeout) {
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
        target: &Target,
        revision: u64,
        timeout: Duration,
    ) -> Result<bool, ShipError> {
        if !self.objects.is_empty() {
            kubectl.apply_objects(&self.objects, &[])?;
        }
        if Snapshot::take(kubectl, target)?.revision() == Some(revision) {
            return Ok(false);
        }
        printer.status(&format!("Rolling back to revision {revision}"));
        kubectl.run(&[
            "rollout",
            "undo",
            &format!("deployment/{}", target.deployment),
            "-n",
            &target.namespace,
            &format!("--to-revision={revision}"),
        ])?;
        for_rollout(printer, kubectl, target, timeout)?;
        Ok(true)
    }
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
