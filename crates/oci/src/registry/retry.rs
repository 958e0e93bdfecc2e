//! What is tried again, and when.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// How often and how patiently a request is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried in all.
    pub attempts: u32,
    /// The longest first pause; each next may be twice as long.
    pub first: Duration,
    /// The longest pause of all, a registry's own wish included.
    pub longest: Duration,
}

impl Default for Retry {
    /// Six attempts over at most half a minute: Amazon ECR's limits are by the second, and a
    /// registry's restart takes a few.
    fn default() -> Self {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(20));
        Self {
            attempts: 6,
            first,
            longest,
        }
    }
}

impl Retry {
    /// The pause before the next attempt, or `None` to give up; `failed` attempts were made.
    ///
    /// A registry's own wish is kept, and otherwise the pause is random up to a limit that
    /// doubles ("full jitter"), so that many clients do not come back at once.
    pub(super) fn pause(self, failed: u32, wish: Option<Duration>) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let limit = self
            .first
            .saturating_mul(1 << (failed - 1).min(16))
            .min(self.longest);
        let jitter = limit.mul_f64(random());
        Some(wish.map_or(jitter, |wish| wish.min(self.longest)))
    }
}

/// Whether an answer with this status may be another one next time.
pub(super) fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` in seconds. A date, which no registry was seen to send, is not read.
pub(super) fn wish(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

/// A number from 0 to 1, from the standard library's own source of randomness.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let retry = Retry::default();
        let second = Duration::from_secs(1);
        for (failed, limit) in [
            (1, second / 2),
            (2, second),
            (3, 2 * second),
            (5, 8 * second),
        ] {
            assert!(retry.pause(failed, None).unwrap() <= limit);
        }
        assert_eq!(retry.pause(6, None), None);
        assert_eq!(retry.pause(1, Some(3 * second)), Some(3 * second));
        assert_eq!(retry.pause(1, Some(3000 * second)), Some(retry.longest));
    }

    #[test]
    fn pauses_differ() {
        let retry = Retry::default();
        let pauses: std::collections::BTreeSet<_> = (0..20).map(|_| retry.pause(3, None)).collect();
        assert!(pauses.len() > 10);
    }

    #[test]
    fn wishes_are_seconds() {
        assert_eq!(wish(Some("2")), Some(Duration::from_secs(2)));
        assert_eq!(wish(Some("-1")), None);
        assert_eq!(wish(Some("Wed, 21 Oct 2015 07:28:00 GMT")), None);
        assert_eq!(wish(None), None);
    }
}
