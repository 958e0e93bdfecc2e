//! Deploys an overlay and tests it, or reports why that failed and rolls back.

use std::collections::BTreeSet;

use cli::{Exit, Printer};

use crate::args::Deploy;
use crate::diagnose::Cause;
use crate::endpoint::Endpoint;
use crate::error::ShipError;
use crate::kubectl::Kubectl;
use crate::manifests::Manifests;
use crate::rollback::Before;
use crate::snapshot::Snapshot;
use crate::wait::{for_address, for_rollouts, last_log_lines};
use crate::{image, preflight, smoke, workload};

/// Deploys, and prints the URL.
pub(super) fn run(printer: Printer, args: &Deploy) -> Result<Exit, ShipError> {
    image::check(&args.source)?;
    let overlay = &args.cluster.overlay;
    let kubectl = args.cluster.context.kubectl()?;
    let manifests = Manifests::render(overlay)?;
    if smoke::is_inside(args.test_from, manifests.target.internal) {
        smoke::check_inside(manifests.target.https, args.service_ca.as_deref())?;
    }
    let region = args.source.destination.region.as_deref();
    preflight::check(printer, &kubectl, overlay, region, &manifests)?;
    printer.status(&format!(
        "Deploying {} to context {}, as {}",
        overlay.folder.display(),
        kubectl.context(),
        manifests.target.name()
    ));
    for warning in not_covered(&manifests) {
        printer.warn(&warning);
    }
    let manifests = image::resolve(printer, &manifests, &args.source)?;
    let before = Before::read(&kubectl, &manifests)?;

    match roll_out(printer, &kubectl, &manifests, args) {
        Ok(endpoint) => {
            for target in manifests.deployments() {
                let after = Snapshot::take(&kubectl, target)?;
                let summary = summary(before.revision(target), &after);
                if manifests.others.is_empty() {
                    printer.status(&summary);
                } else {
                    printer.status(&format!("{}: {summary}", target.deployment));
                }
            }
            report_missing_record(printer, &endpoint);
            printer.data(&endpoint.url).map_err(ShipError::Stdout)?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            print_last_log_lines(printer, &kubectl, &error);
            if !args.no_rollback {
                before.restore(printer, &kubectl, args.timeout);
            }
            Err(error)
        }
    }
}

/// What a deploy neither waits for nor tests.
fn not_covered(manifests: &Manifests) -> Vec<String> {
    let mut warnings = Vec::new();
    let kinds = workload::other_kinds(&manifests.objects);
    if !kinds.is_empty() {
        warnings.push(format!(
            "only Deployments are waited for; check the pods of these yourself: {}",
            kinds.join(", ")
        ));
    }
    let tested = manifests.target.balancer_name();
    let mut balancers = workload::balancers(&manifests.objects);
    balancers.retain(|name| *name != tested);
    if !balancers.is_empty() {
        warnings.push(format!(
            "only {tested} is waited for and tested; check these load balancers yourself: {}",
            balancers.join(", ")
        ));
    }
    warnings
}

/// Validates everything by a server-side dry run first, if the namespaces exist: in a missing namespace, a
/// dry run fails.
///
/// The load balancer comes before the pods: a readiness gate is added to a pod when it is created,
/// and only if its target group exists by then.
fn roll_out(
    printer: Printer,
    kubectl: &Kubectl,
    manifests: &Manifests,
    args: &Deploy,
) -> Result<Endpoint, ShipError> {
    let target = &manifests.target;
    if have_namespaces(kubectl, manifests)? {
        kubectl.apply_objects(&manifests.objects, &["--dry-run=server"])?;
    }
    printer.status("Applying the manifests");
    let (deployments, others): (Vec<_>, Vec<_>) = manifests
        .objects
        .iter()
        .cloned()
        .partition(|object| object["kind"] == "Deployment");
    kubectl.apply_objects(&others, &[])?;
    if target.gated {
        for_address(printer, kubectl, target, args.balancer_timeout)?;
    }
    kubectl.apply_objects(&deployments, &[])?;
    for_rollouts(printer, kubectl, manifests.deployments(), args.timeout)?;
    let endpoint = for_address(printer, kubectl, target, args.balancer_timeout)?;
    printer.status(&format!("Testing {endpoint}"));
    let ca = args.service_ca.as_deref();
    let how = (args.balancer_timeout, args.test_from);
    smoke::deployed(printer, (kubectl, target), &endpoint, ca, how)?;
    // A pod may have crashed meanwhile.
    for_rollouts(printer, kubectl, manifests.deployments(), args.timeout)?;
    Ok(endpoint)
}

/// Whether the namespaces of all objects exist.
fn have_namespaces(kubectl: &Kubectl, manifests: &Manifests) -> Result<bool, ShipError> {
    let objects = manifests.objects.iter();
    let namespaces = objects.map(|object| manifests.target.namespace_of(object));
    for namespace in namespaces.collect::<BTreeSet<_>>() {
        if kubectl.find(&["get", "namespace", namespace])?.is_null() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn summary(before: Option<u64>, after: &Snapshot) -> String {
    let pods = match after.pods.len() {
        1 => "1 pod".to_owned(),
        pods => format!("{pods} pods"),
    };
    let revision = after.revision().unwrap_or_default();
    if before == after.revision() {
        format!("Nothing to roll out: revision {revision} is running in {pods}")
    } else {
        format!("Rolled out revision {revision} to {pods}")
    }
}

/// Warns if the host name has no record yet: the test used the load balancer's address.
fn report_missing_record(printer: Printer, endpoint: &Endpoint) {
    use std::net::ToSocketAddrs as _;

    let Some(balancer) = &endpoint.connect_to else {
        return;
    };
    let addresses = |name: &str| {
        let found = (name, 443).to_socket_addrs();
        found.into_iter().flatten().collect::<Vec<_>>()
    };
    let (host, balancer_addresses) = (endpoint.host(), addresses(balancer));
    let points_there = addresses(host)
        .iter()
        .any(|address| balancer_addresses.contains(address));
    if !points_there {
        printer.warn(&format!(
            "{host} does not point to the load balancer yet; create a CNAME or alias record \
             for {balancer}"
        ));
    }
}

/// Prints the end of a crashed container's log.
fn print_last_log_lines(printer: Printer, kubectl: &Kubectl, error: &ShipError) {
    let ShipError::Rollout(failed) = error else {
        return;
    };
    let crashed = failed.findings.iter().find_map(|finding| {
        let (Cause::CrashLoop { name, .. } | Cause::Probe { name, .. }) = &finding.cause else {
            return None;
        };
        Some((finding.object.strip_prefix("pod ")?, name))
    });
    let Some((pod, container)) = crashed else {
        return;
    };
    match last_log_lines(kubectl, &failed.namespace, pod, container) {
        Ok(log) if !log.trim().is_empty() => {
            printer.status(&format!(
                "Last lines of the log of {pod}, container {container}:"
            ));
            for line in log.lines() {
                printer.status(&format!("  {line}"));
            }
        }
        Ok(_) => printer.status(&format!(
            "The log of {pod}, container {container}, is empty"
        )),
        Err(error) => printer.warn(&format!(
            "the log of {pod}, container {container}, cannot be read: {error}"
        )),
    }
}
