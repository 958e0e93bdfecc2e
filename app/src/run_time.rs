//! Time that the process was able to run. A stopped process, a paused virtual machine and a
//! throttled cgroup all let the monotonic clock go on; what clients did meanwhile was not seen, so
//! that time is not held against them.

use std::time::{Duration, Instant};

/// A clock that is advanced every now and then.
#[derive(Debug)]
pub(crate) struct RunTime {
    last: Instant,
    elapsed: Duration,
    longest_step: Duration,
}

impl RunTime {
    /// A clock at zero. Of the time between two advances no more than `longest_step` counts.
    pub(crate) const fn new(now: Instant, longest_step: Duration) -> Self {
        Self {
            last: now,
            elapsed: Duration::ZERO,
            longest_step,
        }
    }

    /// Advances to `now`, and returns what the clock then says.
    pub(crate) fn advance(&mut self, now: Instant) -> Duration {
        let step = now.saturating_duration_since(self.last);
        self.last = now;
        self.elapsed += step.min(self.longest_step);
        self.elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_the_process_did_not_run_does_not_count() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut time = RunTime::new(begun, Duration::from_millis(100));
        assert_eq!(time.advance(at(60)), Duration::from_millis(60));
        assert_eq!(time.advance(at(60_000)), Duration::from_millis(160));
        assert_eq!(time.advance(at(60_050)), Duration::from_millis(210));
    }
}
