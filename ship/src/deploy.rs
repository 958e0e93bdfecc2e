//! From an overlay to a URL that answers, or to the reason why not and back.

use anyhow::{Context as _, bail};
use cli::Printer;
use thiserror::Error;

use crate::args::{Deploy, Source};
use crate::diagnose::Cause;
use crate::kubectl::Kubectl;
use crate::manifests::{Manifests, Target};
use crate::smoke;
use crate::snapshot::Snapshot;
use crate::wait::{RolloutFailed, for_address, for_rollout, last_words};

/// The overlay is for another kind of cluster.
#[derive(Debug, Error)]
#[error("{overlay} is for {wanted}, and context `{context}` is {found}")]
pub(super) struct WrongCluster {
    overlay: String,
    wanted: &'static str,
    context: String,
    found: String,
}

/// Deploys, and prints the URL.
pub(super) fn run(printer: Printer, args: &Deploy) -> anyhow::Result<()> {
    let manifests = Manifests::render(&args.cluster.overlay)?;
    let target = &manifests.target;
    let kubectl = Kubectl::on(args.cluster.context.as_deref())?;
    guard(&kubectl, &args.cluster.overlay.display().to_string())?;

    match &args.source.image {
        Some(image) => printer.status(&format!("Deploying {image} to {}", kubectl.context())),
        None => printer.status(&format!("Building and pushing for {}", kubectl.context())),
    }
    let yaml = image(&manifests, &args.source)?;

    let before = Snapshot::take(&kubectl, target)?;
    printer.status(&format!("Applying {}", args.cluster.overlay.display()));
    apply(&kubectl, target, &yaml)?;

    match roll_out(printer, &kubectl, target, args) {
        Ok(url) => {
            let after = Snapshot::take(&kubectl, target)?;
            printer.status(&summary(&before, &after));
            printer.data(&url).context("cannot write to stdout")
        }
        Err(error) => {
            tell_last_words(printer, &kubectl, target, &error);
            if !args.no_rollback {
                roll_back(printer, &kubectl, target, &before, args);
            }
            Err(error)
        }
    }
}

/// The name of a context says little; what the API server says of itself cannot be mistaken.
fn guard(kubectl: &Kubectl, overlay: &str) -> anyhow::Result<()> {
    let version = kubectl.json(&["version"])?;
    let found = version["serverVersion"]["gitVersion"]
        .as_str()
        .unwrap_or("unknown")
        .to_owned();
    let name = overlay
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let is_eks = found.contains("-eks-");
    let wanted = match name {
        "eks" | "eks-auto" if !is_eks => "Amazon EKS",
        "local" if is_eks => "a cluster on this machine",
        _ => return Ok(()),
    };
    let context = kubectl.context().to_owned();
    bail!(WrongCluster {
        overlay: overlay.to_owned(),
        wanted,
        context,
        found
    })
}

fn image(manifests: &Manifests, source: &Source) -> anyhow::Result<String> {
    if let Some(image) = &source.image {
        if !image.contains("@sha256:") {
            bail!("`{image}` has no digest: a tag can be another image tomorrow");
        }
        return Ok(manifests.with_image(image));
    }
    let mut args = vec!["--platform".to_owned(), source.platform.clone()];
    for (flag, value) in [
        ("--repo", source.repo.clone()),
        (
            "--ca-file",
            source
                .ca_file
                .as_ref()
                .map(|path| path.display().to_string()),
        ),
    ] {
        if let Some(value) = value {
            args.extend([flag.to_owned(), value]);
        }
    }
    if source.create_repository {
        args.push("--create-repository".to_owned());
    }
    manifests.resolve(&source.imagebuilder, &args)
}

/// All of it is checked by the API server before any of it is changed, where that is possible:
/// in a namespace that does not exist yet nothing can be tried.
fn apply(kubectl: &Kubectl, target: &Target, yaml: &str) -> anyhow::Result<()> {
    if kubectl
        .run(&["get", "namespace", &target.namespace])
        .is_ok()
    {
        kubectl.apply(yaml, &["--dry-run=server"])?;
    }
    kubectl.apply(yaml, &[])?;
    Ok(())
}

fn roll_out(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    args: &Deploy,
) -> anyhow::Result<String> {
    // The address first: with a readiness gate no pod is ready before the load balancer is there.
    let rollout = for_rollout(printer, kubectl, target, args.timeout)?;
    let url = for_address(printer, kubectl, target, args.balancer_timeout)?;
    printer.status(&format!("Testing {url}"));
    smoke::test(printer, &url, rollout.pods.len(), args.balancer_timeout)?;
    Ok(url)
}

fn summary(before: &Snapshot, after: &Snapshot) -> String {
    let pods = after.pods.len();
    let revision = after.revision().unwrap_or_default();
    if before.revision() == after.revision() {
        format!("Nothing to roll out: revision {revision} has been running, in {pods} pods")
    } else {
        format!("Rolled out revision {revision} to {pods} pods")
    }
}

/// A crash explains itself in its log, so that is shown with it.
fn tell_last_words(printer: Printer, kubectl: &Kubectl, target: &Target, error: &anyhow::Error) {
    let Some(failed) = error.downcast_ref::<RolloutFailed>() else {
        return;
    };
    let crashed = failed
        .findings
        .iter()
        .find(|finding| matches!(finding.cause, Cause::CrashLoop { .. } | Cause::Probe { .. }));
    let Some(pod) = crashed.and_then(|finding| finding.object.strip_prefix("pod ")) else {
        return;
    };
    match last_words(kubectl, target, pod) {
        Ok(log) if !log.trim().is_empty() => {
            printer.status(&format!("The last of the log of {pod}:"));
            for line in log.lines() {
                printer.status(&format!("  {line}"));
            }
        }
        Ok(_) => printer.status(&format!("{pod} logged nothing")),
        Err(error) => printer.warn(&format!("the log of {pod} cannot be read: {error}")),
    }
}

/// Back to the revision that ran before. A failure here is told, and hides nothing.
fn roll_back(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    before: &Snapshot,
    args: &Deploy,
) {
    let Some(revision) = before.revision() else {
        printer.warn("there is no earlier revision to go back to; it is left as it is");
        return;
    };
    let undone = (|| -> anyhow::Result<bool> {
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
        for_rollout(printer, kubectl, target, args.timeout)?;
        Ok(true)
    })();
    match undone {
        Ok(true) => {
            printer.status("Rolled back; the pods from before were never taken away");
        }

        Ok(false) => printer.status("The pods are as before; nothing to roll back"),
        Err(error) => printer.warn(&format!("the rollback failed: {error:#}")),
    }
}
