//! Opens one connection after another, until every expected pod has passed the checks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cli::Printer;

use super::checks::{self, Visit};
use super::client::Client;
use super::expected::{Expected, joined};
use crate::error::SmokeError;

/// The pause after a connection that reached no new pod.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the expected pods are read again.
const REFRESH: Duration = Duration::from_secs(5);
/// After this time with only failures of the expected pods, the test fails. A single failure may be a
/// connection to a pod that has just stopped.
const ONLY_FAILURES: Duration = Duration::from_secs(20);

/// Tests the service until all expected pods have passed. `current` returns the pods to expect from then on, if
/// they are known.
pub(super) fn test(
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
            Ok(Visit::Passed(pod)) => {
                only_failures_since = None;
                if passed.insert(pod) {
                    continue;
                }
            }
            // A draining pod of an earlier revision.
            Ok(Visit::Unexpected) => {}
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
