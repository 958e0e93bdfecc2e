//! Time from exec to the first complete response.

use super::subject::Subject;
use crate::series::micros;

/// Starts it again and again. Connection attempts follow each other without a pause, from the
/// other core, so the figure is late by one refused attempt at most.
pub(crate) fn measure(subject: &Subject, times: usize) -> anyhow::Result<Vec<f64>> {
    (0..times)
        .map(|_| Ok(micros(subject.start()?.started_in)))
        .collect()
}
