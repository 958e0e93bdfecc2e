//! The command, and the test of a service that was just deployed.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cli::Printer;

use super::client::Client;
use super::expected::Expected;
use super::inside;
use super::visits::test;
use crate::args::{Smoke, TestFrom};
use crate::endpoint::Endpoint;
use crate::error::ShipError;
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Target;
use crate::running::Running;
use crate::snapshot::Snapshot;

/// The command: tests the service at the given URL, or at the overlay's load balancer.
pub(crate) fn run(printer: Printer, args: &Smoke) -> Result<(), ShipError> {
    let given = args.url.as_deref().filter(|url| !url.is_empty());
    let ca = args.service_ca.as_deref();
    if let Some(url) = given {
        let client = Client::new(&Endpoint::of_url(url), ca)?;
        let expected = if args.pod.is_empty() {
            Expected::Any(args.pods.unwrap_or(1))
        } else {
            Expected::Pods(args.pod.iter().cloned().collect())
        };
        test(printer, &client, expected, args.timeout, || None)?;
        return Ok(());
    }
    let running = Running::find(&args.cluster)?;
    deployed(
        printer,
        (&running.kubectl, &running.target),
        &running.endpoint,
        ca,
        (args.timeout, args.test_from),
    )?;
    Ok(())
}

/// Tests a deployed service until every pod of its newest revision has passed.
pub(crate) fn deployed(
    printer: Printer,
    (kubectl, target): (&Kubectl, &Target),
    endpoint: &Endpoint,
    ca: Option<&Path>,
    (timeout, from): (Duration, Option<TestFrom>),
) -> Result<(), ShipError> {
    if inside::is_inside(from, endpoint.is_internal) {
        inside::check(endpoint.url.starts_with("https://"), ca)?;
        return inside::test(printer, (kubectl, target), endpoint, timeout);
    }
    let client = Client::new(endpoint, ca)?;
    let pods = || -> Result<BTreeSet<String>, KubectlError> {
        let snapshot = Snapshot::take(kubectl, target)?;
        Ok(snapshot.pod_names().into_iter().collect())
    };
    let expected = Expected::Pods(pods()?);
    // Reread while waiting: the autoscaler may remove an expected pod.
    test(printer, &client, expected, timeout, || pods().ok())?;
    Ok(())
}
