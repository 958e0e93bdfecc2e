//! One function a command; those with a subject of their own have their own modules.

use std::time::Duration;

use cli::{Exit, Printer};

use crate::args::{Cli, Cluster, Command, Preflight, Render, Undeploy};
use crate::error::ShipError;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Manifests;
use crate::running::Running;
use crate::{deploy, image, node, preflight, rollout_test, smoke};

/// How long a pod may take to stop once nothing sends to it any more.
const UNDEPLOY_GRACE: Duration = Duration::from_secs(5);

pub(super) fn run(printer: Printer, cli: Cli) -> Result<Exit, ShipError> {
    match cli.command {
        Command::Deploy(args) => return deploy::run(printer, &args),
        Command::Node(args) => return node::run(printer, &args),
        Command::Preflight(args) => preflight(printer, &args)?,
        Command::Render(args) => render(printer, &args)?,
        Command::Diff(args) => diff(printer, &args)?,
        Command::Smoke(args) => smoke::run(printer, &args)?,
        Command::RolloutTest(args) => rollout_test::run(printer, &args)?,
        Command::Status(args) => status(printer, &args)?,
        Command::Url(args) => url(printer, &args)?,
        Command::Undeploy(args) => undeploy(printer, &args)?,
    }
    Ok(Exit::Ok)
}

fn preflight(printer: Printer, args: &Preflight) -> Result<(), ShipError> {
    let overlay = &args.cluster.overlay;
    let kubectl = args.cluster.context.kubectl()?;
    let manifests = Manifests::render(overlay)?;
    preflight::check(printer, &kubectl, overlay, &manifests)?;
    if let Some(region) = &args.region {
        let registry = crate::aws::registry(region).map_err(image::ImageError::from)?;
        printer.status(&format!("Images go to {registry}"));
    }
    printer.status(&format!(
        "{} can be deployed on {}",
        overlay.display(),
        kubectl.context()
    ));
    Ok(())
}

/// The manifests as they would be applied, for a tool that applies them: no cluster is needed.
fn render(printer: Printer, args: &Render) -> Result<(), ShipError> {
    let manifests = Manifests::render(&args.overlay)?;
    let resolved = image::resolve(printer, &manifests, &args.source)?;
    printer
        .data_raw(resolved.yaml.as_bytes())
        .map_err(ShipError::Stdout)
}

fn diff(printer: Printer, args: &crate::args::Diff) -> Result<(), ShipError> {
    let kubectl = args.cluster.context.kubectl()?;
    let manifests = Manifests::render(&args.cluster.overlay)?;
    preflight::check(printer, &kubectl, &args.cluster.overlay, &manifests)?;
    let resolved = image::resolve(printer, &manifests, &args.source)?;
    let diff = kubectl.diff(&resolved.objects)?;
    if diff.is_empty() {
        printer.status("A deploy would change nothing");
    }
    printer.data_raw(diff.as_bytes()).map_err(ShipError::Stdout)
}

/// The objects and their recent warnings. stdout carries kubectl's tables.
fn status(printer: Printer, args: &Cluster) -> Result<(), ShipError> {
    let target = Manifests::render(&args.overlay)?.target;
    let kubectl = args.context.kubectl()?;
    let kinds = "deployment,pod,service,ingress,horizontalpodautoscaler,poddisruptionbudget,pvc";
    printer.status(&format!("{} on {}", target.deployment, kubectl.context()));
    let namespace = target.namespace.as_str();
    let objects = kubectl.run(&["get", kinds, "-n", namespace, "-o", "wide"])?;
    printer
        .data_raw(objects.as_bytes())
        .map_err(ShipError::Stdout)?;
    let images = kubectl.run(&[
        "get",
        "pods",
        "-n",
        namespace,
        "-o",
        "custom-columns=POD:.metadata.name,RESTARTS:.status.containerStatuses[0].restartCount,\
         IMAGE:.status.containerStatuses[0].imageID",
    ])?;
    printer
        .data_raw(format!("\n{images}").as_bytes())
        .map_err(ShipError::Stdout)?;
    let warnings = kubectl.run(&["events", "-n", namespace, "--types=Warning"])?;
    if !warnings.trim().is_empty() {
        printer.status(warnings.trim_end());
    }
    Ok(())
}

fn url(printer: Printer, args: &Cluster) -> Result<(), ShipError> {
    let running = Running::find(args)?;
    printer
        .data(&running.endpoint.url)
        .map_err(ShipError::Stdout)
}

/// Deletes the Service first, and with it the load balancer in AWS, which only the controller in
/// the cluster can delete: if the namespace went with it, the load balancer would stay, and cost.
fn undeploy(printer: Printer, args: &Undeploy) -> Result<(), ShipError> {
    let manifests = Manifests::render(&args.cluster.overlay)?;
    let target = &manifests.target;
    let kubectl = args.cluster.context.kubectl()?;
    let namespace = target.namespace.as_str();
    if kubectl.find(&["get", "namespace", namespace])?.is_null() {
        printer.status(&format!("Nothing to delete: no namespace {namespace}"));
        return Ok(());
    }
    let claims = kubectl.run(&["get", "pvc", "-n", namespace, "-o", "name"])?;
    if !claims.trim().is_empty() && !args.delete_data {
        return Err(ShipError::HoldsData {
            namespace: namespace.to_owned(),
            claims: claims.trim().replace('\n', ", "),
        });
    }
    let balancer = target.balancer_name();
    printer.status(&format!("Deleting {balancer} and its load balancer"));
    kubectl.run(&[
        "delete",
        &balancer,
        "-n",
        namespace,
        "--ignore-not-found",
        "--timeout=10m",
    ])?;
    printer.status(&format!(
        "Deleting namespace {namespace} and everything in it"
    ));
    stop_pods(&kubectl, namespace)?;
    let folder = args.cluster.overlay.display().to_string();
    kubectl.run(&[
        "delete",
        "-k",
        &folder,
        "--ignore-not-found",
        "--timeout=10m",
    ])?;
    printer.status("Deleted");
    Ok(())
}

/// Stops the pods, which would otherwise drain for minutes for a load balancer that is gone. A pod
/// that is already terminating keeps the grace period it began with, so this precedes everything
/// that deletes pods; and what would create them anew is deleted without them.
fn stop_pods(kubectl: &Kubectl, namespace: &str) -> Result<(), KubectlError> {
    for kind in ["deployments", "replicasets"] {
        let orphan = "--cascade=orphan";
        kubectl.run(&[
            "delete",
            kind,
            "--all",
            "-n",
            namespace,
            orphan,
            "--timeout=1m",
        ])?;
    }
    let grace = format!("--grace-period={}", UNDEPLOY_GRACE.as_secs());
    kubectl.run(&[
        "delete",
        "pods",
        "--all",
        "-n",
        namespace,
        &grace,
        "--wait=false",
    ])?;
    Ok(())
}
