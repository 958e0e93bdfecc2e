//! Time that the process was able to run. The monotonic clock goes on while a process is stopped, a
//! virtual machine is paused or a cgroup is throttled. The process did not see what clients did in that
//! time, so it does not count.

use std::time::{Duration, Instant};

/// A clock that is advanced from time to time.
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

    /// Advances to `now`, and returns the time of the clock.
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
