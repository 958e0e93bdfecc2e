//! One function a command; deploy, smoke and the rollout test have their own modules.

use anyhow::{Context as _, bail};
use cli::{Exit, Printer};

use crate::args::{Cli, Cluster, Command, Undeploy};
use crate::kubectl::Kubectl;
use crate::manifests::Manifests;
use crate::running::Running;
use crate::{deploy, rollout_test, smoke};

pub(super) fn run(printer: Printer, cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Deploy(args) => deploy::run(printer, &args)?,
        Command::Smoke(args) => smoke::run(printer, &args)?,
        Command::RolloutTest(args) => rollout_test::run(printer, &args)?,
        Command::Status(args) => status(printer, &args)?,
        Command::Url(args) => url(printer, &args)?,
        Command::Undeploy(args) => undeploy(printer, &args)?,
    }
    Ok(Exit::Ok)
}

/// What runs, and what was warned of lately. stdout carries kubectl's tables.
fn status(printer: Printer, args: &Cluster) -> anyhow::Result<()> {
    let target = Manifests::render(&args.overlay)?.target;
    let kubectl = Kubectl::on(args.context.as_deref())?;
    let kinds = "deployment,pod,service,ingress,horizontalpodautoscaler,poddisruptionbudget,pvc";
    printer.status(&format!("{} on {}", target.deployment, kubectl.context()));
    let namespace = target.namespace.as_str();
    let objects = kubectl.run(&["get", kinds, "-n", namespace, "-o", "wide"])?;
    printer
        .data_raw(objects.as_bytes())
        .context("cannot write to stdout")?;
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
        .context("cannot write to stdout")?;
    let warnings = kubectl.run(&["events", "-n", namespace, "--types=Warning"])?;
    if !warnings.trim().is_empty() {
        printer.status(warnings.trim_end());
    }
    Ok(())
}

fn url(printer: Printer, args: &Cluster) -> anyhow::Result<()> {
    let running = Running::find(args)?;
    printer.data(&running.url).context("cannot write to stdout")
}

/// The Service goes first, and with it the load balancer in AWS, which only the controller in the
/// cluster can remove: a namespace that went with it would leave it running, and costing.
fn undeploy(printer: Printer, args: &Undeploy) -> anyhow::Result<()> {
    let manifests = Manifests::render(&args.cluster.overlay)?;
    let target = &manifests.target;
    let kubectl = Kubectl::on(args.cluster.context.as_deref())?;
    if kubectl
        .run(&["get", "namespace", &target.namespace])
        .is_err()
    {
        printer.status(&format!(
            "Nothing to remove: no namespace {}",
            target.namespace
        ));
        return Ok(());
    }
    let claims = kubectl.run(&["get", "pvc", "-n", &target.namespace, "-o", "name"])?;
    if !claims.trim().is_empty() && !args.delete_data {
        bail!(
            "{} holds data in {}; --delete-data (DELETE_DATA=1) removes it as well",
            target.namespace,
            claims.trim().replace('\n', ", ")
        );
    }
    let balancer = format!(
        "{}/{}",
        target.balancer_kind.to_lowercase(),
        target.balancer
    );
    printer.status(&format!(
        "Removing {balancer}, and its load balancer with it"
    ));
    let namespace = target.namespace.as_str();
    kubectl.run(&[
        "delete",
        &balancer,
        "-n",
        namespace,
        "--ignore-not-found",
        "--timeout=10m",
    ])?;
    printer.status(&format!(
        "Removing namespace {namespace} and everything in it"
    ));
    kubectl.run(&[
        "delete",
        "-k",
        &args.cluster.overlay.display().to_string(),
        "--ignore-not-found",
        "--timeout=10m",
    ])?;
    printer.status("Removed");
    Ok(())
}
