//! The delay before an exited container is restarted.
//!
//! The kubelet's: none the first time, then 10 s, doubled up to five minutes, and reset after the
//! container has run for ten minutes
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy>).

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(5);
const HEALTHY: Duration = Duration::from_mins(10);

/// The delays of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The delay after a run that lasted `ran`.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = (delay * 2).clamp(FIRST, LONGEST);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_immediate_and_a_long_run_resets_the_delay() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let delays: Vec<_> = (0..8).map(|_| backoff.after(short).as_secs()).collect();
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff.after(HEALTHY), Duration::ZERO);
        assert_eq!(backoff.after(short), FIRST);
    }
}
