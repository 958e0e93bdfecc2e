//! Probes a container again and again: when, and which results count.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::handler;
use super::state::ProbeState;
use super::target::Target;
use crate::manifest::Probe;

/// The time between two probes until the first success. Kubernetes probes once per period; here a container
/// that starts fast does not have to wait for the next one. Additional failures do not count, successes do.
const EAGER_FIRST: Duration = Duration::from_millis(20);
const EAGER_LONGEST: Duration = Duration::from_secs(1);

/// The outcome of a probe that counts.
pub(in crate::play) struct Probed {
    /// The probe's result, if that has changed.
    pub(in crate::play) changed: Option<bool>,
    /// Why this one failed, if it did.
    pub(in crate::play) failure: Option<String>,
}

/// Probes until `on_probed` returns `false`; it receives each probe that counts.
///
/// `eager` probes more often than once a period until the first success.
pub(in crate::play) async fn watch(
    probe: &Probe,
    target: Target<'_>,
    since_start: Duration,
    eager: bool,
    mut on_probed: impl FnMut(Probed) -> bool,
) {
    sleep(probe.initial_delay().saturating_sub(since_start)).await;
    // A command costs a process in the container, and may depend on how often it runs.
    let eager = eager && probe.exec.is_none();
    let mut state = ProbeState::new(probe);
    let mut next_counted = Instant::now();
    let mut pause = EAGER_FIRST;
    loop {
        let now = Instant::now();
        let counted = now >= next_counted;
        if counted {
            next_counted = now + probe.period();
        }
        let outcome = Box::pin(handler::ask(probe, &target)).await;
        if outcome.is_ok() || counted {
            let probed = Probed {
                changed: state.count(outcome.is_ok()),
                failure: outcome.err(),
            };
            if !on_probed(probed) {
                return;
            }
        }
        if eager && state.is_fresh() {
            let until = (Instant::now() + pause).min(next_counted);
            pause = (pause * 2).min(EAGER_LONGEST);
            sleep_until(until).await;
        } else {
            sleep_until(next_counted).await;
        }
    }
}
