//! Tests the behaviour of a running service that users, the load balancer and browsers rely on. It works
//! with any URL, and changes nothing.
//!
//! It does not test readiness: for minutes after a rollout, a load balancer may still send to draining pods,
//! which answer `/readyz` with 503 while they serve everything else. Only responses of the new revision's
//! pods count, and the test passes once all of them have answered.

mod checks;
mod client;
mod inside;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use cli::Printer;

use crate::args::{Smoke, TestFrom};
use crate::endpoint::Endpoint;
use crate::error::{ShipError, SmokeError};
use crate::kubectl::{Kubectl, KubectlError};
use crate::manifests::Target;
use crate::running::Running;
use crate::snapshot::Snapshot;

use client::Client;
pub(super) use inside::check as check_inside;

/// The pause after a connection that reached no new pod.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the expected pods are read again.
const REFRESH: Duration = Duration::from_secs(5);
/// After this time with only failures of the expected pods, the test fails. A single failure may be a
/// connection to a pod that has just stopped.
const ONLY_FAILURES: Duration = Duration::from_secs(20);

/// The pods whose responses count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Each of these pods has to answer.
    Pods(BTreeSet<String>),
    /// This many different pods have to answer.
    Any(usize),
}

/// The command: tests the service at the given URL, or at the overlay's load balancer.
pub(super) fn run(printer: Printer, args: &Smoke) -> Result<(), ShipError> {
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

/// Whether to test from a pod: by default if this machine may not reach the load balancer.
pub(super) fn is_inside(from: Option<TestFrom>, is_internal: bool) -> bool {
    match from {
        Some(TestFrom::Cluster) => true,
        Some(TestFrom::Here) => false,
        None => is_internal,
    }
}

/// Tests a deployed service until every pod of its newest revision has passed.
pub(super) fn deployed(
    printer: Printer,
    (kubectl, target): (&Kubectl, &Target),
    endpoint: &Endpoint,
    ca: Option<&Path>,
    (timeout, from): (Duration, Option<TestFrom>),
) -> Result<(), ShipError> {
    if is_inside(from, endpoint.is_internal) {
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

fn test(
    printer: Printer,
    client: &Client,
    mut expected: Expected,
    timeout: Duration,
    current: impl Fn() -> Option<BTreeSet<String>>,
) -> Result<(), SmokeError> {
    let began = Instant::now();
    let mut refreshed = began;
    let mut passed = BTreeSet::new();
    let mut last_failure = None;
    let mut only_failures_since: Option<Instant> = None;
    let mut waiting_reported = false;
    while !expected.is_met(&passed) {
        // A new connection each time, since an NLB balances connections.
        match checks::visit(client, &expected) {
            Ok(checks::Visit::Passed(pod)) => {
                only_failures_since = None;
                if passed.insert(pod) {
                    continue;
                }
            }
            // A draining pod of an earlier revision.
            Ok(checks::Visit::Unexpected) => {}
            Err(error) => {
                if matches!(error, SmokeError::Answer { .. }) {
                    only_failures_since.get_or_insert_with(Instant::now);
                }
                last_failure = Some(error);
            }
        }
        let broken = only_failures_since.is_some_and(|since| since.elapsed() >= ONLY_FAILURES);
        if broken || began.elapsed() >= timeout {
            let missing = expected.missing(&passed);
            return Err(last_failure.unwrap_or_else(|| SmokeError::Pods {
                url: client.url().to_owned(),
                missing,
                answered: joined(&passed),
                after: began.elapsed(),
            }));
        }
        if !waiting_reported && last_failure.is_some() {
            printer.status(&format!("Waiting for an answer from {}", client.url()));
            waiting_reported = true;
        }
        if refreshed.elapsed() >= REFRESH {
            refreshed = Instant::now();
            expected = current().map_or(expected, Expected::Pods);
        }
        std::thread::sleep(PAUSE);
    }
    printer.status(&format!(
        "Smoke tests passed in {:.1}s; pods that answered: {}",
        began.elapsed().as_secs_f64(),
        joined(&passed)
    ));
    Ok(())
}

impl Expected {
    /// Whether a response of this pod counts.
    fn includes(&self, pod: &str) -> bool {
        match self {
            Self::Pods(pods) => pods.contains(pod),
            Self::Any(_) => true,
        }
    }

    fn is_met(&self, passed: &BTreeSet<String>) -> bool {
        match self {
            Self::Pods(pods) => !passed.is_empty() && pods.is_subset(passed),
            Self::Any(count) => passed.len() >= (*count).max(1),
        }
    }

    fn missing(&self, passed: &BTreeSet<String>) -> String {
        match self {
            Self::Pods(pods) => joined(&pods.difference(passed).cloned().collect()),
            Self::Any(count) => format!("{} of {count} pods", count.saturating_sub(passed.len())),
        }
    }
}

fn joined(pods: &BTreeSet<String>) -> String {
    let names: Vec<_> = pods.iter().map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests;
