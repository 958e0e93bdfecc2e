//! Logs errors of accept(2), at a limited rate: when descriptors or memory are short, there are thousands a
//! second.

use std::io;
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const QUIET: Duration = Duration::from_secs(10);

/// The errors of one listener.
#[derive(Debug)]
pub(super) struct AcceptErrors {
    listener: &'static str,
    logged: Option<Instant>,
    suppressed: u64,
}

impl AcceptErrors {
    pub(super) const fn new(listener: &'static str) -> Self {
        Self {
            listener,
            logged: None,
            suppressed: 0,
        }
    }

    /// Logs the error, or counts it for the next line.
    pub(super) fn log(&mut self, error: &io::Error, now: Instant) {
        if let Some(suppressed) = self.count(now) {
            tracing::error!(listener = self.listener, %error, suppressed, "cannot accept");
        }
    }

    /// The number of errors suppressed since the last line, if it is time for another line.
    fn count(&mut self, now: Instant) -> Option<u64> {
        let quiet = self
            .logged
            .is_some_and(|logged| now.saturating_duration_since(logged) < QUIET);
        if quiet {
            self.suppressed += 1;
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_errors_is_logged_at_a_limited_rate() {
        let mut errors = AcceptErrors::new("public");
        let begun = Instant::now();
        let counts = (0..2500).map(|index| errors.count(begun + index * (QUIET / 1000)));
        let logged: Vec<_> = counts.flatten().collect();
        assert_eq!(logged, [0, 999, 999]);
    }
}
