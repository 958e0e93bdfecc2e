//! The targets of `nodectl` on a node.

use super::results::{Pair, Results};
use crate::spread::ratio;
use crate::target::{Target, Wanted};

/// All targets, in display order.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let target = |pair: &Pair| Target {
        what: format!(
            "time of `{}`, times `{}`",
            pair.ours.command, pair.other.command
        ),
        wanted: Wanted::AtMost(pair.at_most),
        unit: "",
        digits: 2,
        measured: Some(ratio(&pair.ours.millis, &pair.other.millis)),
    };
    results.pairs.iter().map(target).collect()
}
