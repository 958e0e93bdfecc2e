//! The targets of rollouts.

use super::results::{Results, Rollout};
use crate::target::Target;

/// All targets, in display order.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let failed = |rollout: &Rollout| rollout.kept.failed + rollout.one_shot.failed;
    results
        .rollouts
        .iter()
        .map(|rollout| {
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            let measured = failed(rollout) as f64;
            let what = format!("`OVERLAY={}`: failed requests", rollout.overlay);
            Target::at_most(&what, 0.0, "", 0, Some(measured))
        })
        .collect()
}
