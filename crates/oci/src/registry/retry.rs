//! Decides which requests are retried, and when.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// How often a request is retried, and how long the registry may be unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The total number of attempts.
    pub attempts: u32,
    /// The longest first pause; each further one may be twice as long.
    pub first: Duration,
    /// The longest pause, unless the registry asks for a longer one.
    pub longest: Duration,
    /// How long the registry may not respond to any request, pauses included. All requests of a push share
    /// this budget.
    pub budget: Duration,
}

impl Default for Retry {
    /// Six attempts with pauses of at most 16 seconds in total, unless the registry asks for longer ones:
    /// Amazon ECR's limits are per second, and the restart of a registry takes a few seconds.
    fn default() -> Self {
        Self {
            attempts: 6,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(20),
            budget: Duration::from_mins(3),
        }
    }
}

impl Retry {
    /// The pause before the next attempt, or `None` to give up. `failed` attempts have failed, and the
    /// registry has been unreachable for `outage`.
    ///
    /// A `Retry-After` is obeyed, with a little jitter. Otherwise the pause is random, up to a limit that
    /// doubles ("full jitter"), so that many clients do not retry at the same time.
    pub(super) fn pause(
        self,
        failed: u32,
        retry_after: Option<Duration>,
        outage: Duration,
    ) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let limit = self
            .first
            .saturating_mul(1 << (failed - 1).min(16))
            .min(self.longest);
        let pause = match retry_after {
            Some(asked) => asked.saturating_add(self.first.mul_f64(random())),
            None => limit.mul_f64(random()),
        };
        (outage.saturating_add(pause) < self.budget).then_some(pause)
    }
}

/// Whether a request answered with this status may succeed at the next attempt.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` in seconds. A date is ignored: no registry is known to send one.
pub(super) fn retry_after(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

/// A number from 0 to 1, from the standard library's own source of randomness.
pub(super) fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::ZERO;

    #[test]
    fn pauses_grow_and_attempts_are_limited() {
        let retry = Retry::default();
        let second = Duration::from_secs(1);
        for (failed, limit) in [
            (1, second / 2),
            (2, second),
            (3, 2 * second),
            (5, 8 * second),
        ] {
            assert!(retry.pause(failed, None, NEVER).unwrap() <= limit);
        }
        assert_eq!(retry.pause(6, None, NEVER), None);
    }

    #[test]
    fn retry_after_is_obeyed_or_the_request_is_given_up() {
        let retry = Retry::default();
        for asked in [3, 60].map(Duration::from_secs) {
            let pause = retry.pause(1, Some(asked), NEVER).unwrap();
            assert!(pause >= asked && pause <= asked + retry.first);
        }
        assert_eq!(retry.pause(1, Some(Duration::MAX), NEVER), None);
    }

    #[test]
    fn attempts_stop_when_the_budget_is_used_up() {
        let retry = Retry::default();
        let almost = retry.budget.saturating_sub(retry.first);
        assert!(retry.pause(1, None, almost).is_some());
        assert_eq!(retry.pause(1, None, retry.budget), None);
    }

    #[test]
    fn pauses_differ() {
        let retry = Retry::default();
        let pauses: std::collections::BTreeSet<_> =
            (0..20).map(|_| retry.pause(3, None, NEVER)).collect();
        assert!(pauses.len() > 10);
    }

    #[test]
    fn retry_after_is_in_seconds() {
        assert_eq!(retry_after(Some("2")), Some(Duration::from_secs(2)));
        assert_eq!(retry_after(Some("-1")), None);
        assert_eq!(retry_after(Some("Wed, 21 Oct 2015 07:28:00 GMT")), None);
        assert_eq!(retry_after(None), None);
    }
}
