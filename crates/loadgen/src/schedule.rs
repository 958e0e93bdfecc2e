//! When requests are due.

use std::time::{Duration, Instant};

use crate::Pace;

/// Yields the times at which requests are due, until the load stops.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    started: Instant,
    ends: Instant,
    left: u64,
    given: u64,
}

impl Schedule {
    pub(super) fn new(pace: Pace, started: Instant, time: Duration, requests: u64) -> Self {
        Self {
            pace,
            started,
            ends: started + time,
            left: requests,
            given: 0,
        }
    }

    /// When the next request is due; `None` when the load is over.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = match self.pace {
            Pace::Closed => now,
            Pace::Rate(rate) => self.started + since_start(self.given, rate),
        };
        (self.left > 0 && due < self.ends && now < self.ends).then_some(due)
    }

    /// Takes the next request if it is due, and returns its due time.
    pub(super) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next_due(now).filter(|&due| due <= now)?;
        self.left -= 1;
        self.given += 1;
        Some(due)
    }

    /// No further requests.
    pub(super) fn stop(&mut self) {
        self.left = 0;
    }

    /// The number of requests that are due by `now` and have not been taken.
    pub(super) fn overdue(&self, now: Instant) -> u64 {
        let Pace::Rate(rate) = self.pace else {
            return 0;
        };
        let now = now.min(self.ends);
        let elapsed = now.saturating_duration_since(self.started);
        let due = (elapsed.as_nanos() * u128::from(rate)).div_ceil(1_000_000_000);
        u64::try_from(due)
            .unwrap_or(u64::MAX)
            .saturating_sub(self.given)
            .min(self.left)
    }
}

/// When the request with this number is due, at `rate` per second.
fn since_start(number: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    Duration::from_secs(number / rate) + Duration::from_nanos(number % rate * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rate_is_kept_however_late_requests_are_taken() {
        let started = Instant::now();
        let mut schedule = Schedule::new(Pace::Rate(1000), started, SECOND, 10_000);
        let late = started + SECOND / 2;
        let mut taken = 0;
        while let Some(due) = schedule.take(late) {
            assert_eq!(due, started + SECOND / 1000 * taken);
            taken += 1;
        }
        assert_eq!(taken, 501);
        assert_eq!(schedule.overdue(started + SECOND * 9), 499);
        assert_eq!(schedule.next_due(late), Some(started + SECOND / 1000 * 501));
        assert_eq!(
            schedule.take(started + SECOND),
            None,
            "nothing is due after the deadline"
        );
    }

    #[test]
    fn a_closed_loop_stops_by_count_and_by_time() {
        let started = Instant::now();
        let mut schedule = Schedule::new(Pace::Closed, started, SECOND, 2);
        assert_eq!(schedule.take(started + SECOND), None);
        assert_eq!(schedule.take(started), Some(started));
        assert_eq!(schedule.take(started), Some(started));
        assert_eq!(schedule.take(started), None);
        assert_eq!(schedule.overdue(started + SECOND), 0);
    }
}
