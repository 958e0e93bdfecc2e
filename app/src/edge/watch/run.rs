//! Runs the watch: advances the coarse clock, and sweeps each time.

use std::time::{Duration, Instant};

use super::Watch;
use crate::run_time::RunTime;
use crate::settings::Timeouts;

impl Watch {
    /// How often the clock advances: often enough for the shortest deadline, rarely enough to cost nothing.
    fn interval(&self) -> Duration {
        let Timeouts {
            first_head,
            next_head,
            body,
            answer,
            keep_alive,
            min_rate: _,
        } = self.timeouts;
        let shortest = first_head
            .min(next_head)
            .min(body)
            .min(answer)
            .min(keep_alive);
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }

    /// Advances the clock and sweeps for as long as it is polled, and calls `each_turn` each time.
    pub(crate) async fn run(&self, each_turn: impl Fn(Duration)) {
        let interval = self.interval();
        let mut time = RunTime::new(Instant::now(), interval * 2);
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.counters.shed.notified() => {
                    self.shed();
                    continue;
                }
            }
            // 584 million years fit.
            let elapsed = time.advance(Instant::now());
            self.clock
                .set(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
            self.sweep();
            // Another worker may have met the budget.
            self.resume();
            each_turn(interval);
        }
    }
}
