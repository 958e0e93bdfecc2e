//! Time from exec to the first complete response.

use super::subject::Subject;
use crate::series::micros;

/// Starts it repeatedly. Connection attempts follow each other without a pause, from the other core, so the
/// figure is too high by at most one refused attempt.
pub(crate) fn measure(subject: &Subject, times: usize) -> anyhow::Result<Vec<f64>> {
    (0..times)
        .map(|_| Ok(micros(subject.start()?.started_in)))
        .collect()
}
