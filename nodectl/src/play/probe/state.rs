//! The thresholds of a probe, as a state machine.

use crate::manifest::Probe;

/// Counts successes and failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeState {
    success_threshold: u32,
    failure_threshold: u32,
    run: u32,
    last: Option<bool>,
    result: Option<bool>,
}

impl ProbeState {
    /// The state of a container that was not probed yet.
    pub fn new(probe: &Probe) -> Self {
        Self {
            success_threshold: probe.successes(),
            failure_threshold: probe.failures(),
            run: 0,
            last: None,
            result: None,
        }
    }

    /// Counts one result; returns the probe's result if it changes.
    pub fn count(&mut self, success: bool) -> Option<bool> {
        self.run = if self.last == Some(success) {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = Some(success);
        let threshold = if success {
            self.success_threshold
        } else {
            self.failure_threshold
        };
        if self.run < threshold || self.result == Some(success) {
            return None;
        }
        self.result = Some(success);
        Some(success)
    }

    /// Whether it has not succeeded yet.
    pub fn is_fresh(&self) -> bool {
        self.result != Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_count_in_a_row() {
        let probe: Probe = serde_json::from_str(
            r#"{"httpGet": {"port": 1}, "successThreshold": 2, "failureThreshold": 3}"#,
        )
        .unwrap();
        let mut state = ProbeState::new(&probe);
        let verdicts: Vec<_> = [
            true, false, true, true, true, false, false, true, false, false, false, false,
        ]
        .map(|success| state.count(success))
        .into();
        assert_eq!(verdicts[..4], [None, None, None, Some(true)]);
        assert_eq!(
            verdicts[4..],
            [None, None, None, None, None, None, Some(false), None]
        );
    }

    #[test]
    fn a_threshold_of_0_is_the_default() {
        let probe: Probe =
            serde_json::from_str(r#"{"successThreshold": 0, "failureThreshold": 0}"#).unwrap();
        let mut state = ProbeState::new(&probe);
        let verdicts: Vec<_> = [true, false, false, false].map(|of| state.count(of)).into();
        assert_eq!(verdicts, [Some(true), None, None, Some(false)]);
    }
}
