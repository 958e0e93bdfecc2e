//! One function for each command; larger ones have their own modules.

use std::io::Write as _;

use cli::{Exit, Printer};

use crate::args::{Cli, Cluster, Command, Preflight, Render};
use crate::error::ShipError;
use crate::manifests::Manifests;
use crate::running::Running;
use crate::{deploy, image, node, preflight, rollout_test, smoke, undeploy};

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
        Command::Undeploy(args) => undeploy::run(printer, &args)?,
    }
    Ok(Exit::Ok)
}

fn preflight(printer: Printer, args: &Preflight) -> Result<(), ShipError> {
    let overlay = &args.cluster.overlay;
    let kubectl = args.cluster.context.kubectl()?;
    let manifests = Manifests::render(overlay)?;
    let region = args.destination.region.as_deref();
    preflight::check(printer, &kubectl, overlay, region, &manifests)?;
    if let Some(registry) = image::registry(&args.destination)? {
        printer.status(&format!("Images go to {registry}"));
    }
    printer.status(&format!(
        "{} can be deployed on {}",
        overlay.folder.display(),
        kubectl.context()
    ));
    Ok(())
}

/// Renders the manifests for a tool that applies them; no cluster is needed.
fn render(printer: Printer, args: &Render) -> Result<(), ShipError> {
    image::check(&args.source)?;
    let manifests = Manifests::render(&args.overlay)?;
    let resolved = image::resolve(printer, &manifests, &args.source)?;
    let yaml = resolved.yaml.as_bytes();
    let Some(file) = &args.output else {
        return printer.data_raw(yaml).map_err(ShipError::Stdout);
    };
    // With the permissions of any file in a repository, not only for its owner.
    let written = cli::replace_file(file, 0o644, |new| new.write_all(yaml));
    written.map_err(|source| ShipError::Output {
        file: file.clone(),
        source,
    })?;
    printer.status(&format!("Wrote {}", file.display()));
    Ok(())
}

fn diff(printer: Printer, args: &crate::args::Diff) -> Result<(), ShipError> {
    image::check(&args.source)?;
    let kubectl = args.cluster.context.kubectl()?;
    let overlay = &args.cluster.overlay;
    let manifests = Manifests::render(overlay)?;
    let region = args.source.destination.region.as_deref();
    preflight::check(printer, &kubectl, overlay, region, &manifests)?;
    let resolved = image::resolve(printer, &manifests, &args.source)?;
    let diff = kubectl.diff(&resolved.objects)?;
    if diff.is_empty() {
        printer.status("A deploy would change nothing");
    }
    printer.data_raw(diff.as_bytes()).map_err(ShipError::Stdout)
}

/// Prints the objects and their recent warnings, as kubectl's tables.
fn status(printer: Printer, args: &Cluster) -> Result<(), ShipError> {
    let manifests = Manifests::render(&args.overlay)?;
    let kubectl = args.context.kubectl()?;
    for target in manifests.deployments() {
        printer.status(&format!("{} on {}", target.name(), kubectl.context()));
        let selected = ["-n", &target.namespace, "-l", &target.selector];
        let get = |args: &[&str]| kubectl.run(&[args, &selected].concat());
        let kinds =
            "deployment,pod,service,ingress,horizontalpodautoscaler,poddisruptionbudget,pvc";
        let objects = get(&["get", kinds, "-o", "wide"])?;
        printer
            .data_raw(objects.as_bytes())
            .map_err(ShipError::Stdout)?;
        let images = get(&[
            "get",
            "pods",
            "-o",
            "custom-columns=POD:.metadata.name,RESTARTS:.status.containerStatuses[*].restartCount,\
             IMAGE:.status.containerStatuses[*].imageID",
        ])?;
        printer
            .data_raw(format!("\n{images}").as_bytes())
            .map_err(ShipError::Stdout)?;
    }
    let namespace = &manifests.target.namespace;
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
