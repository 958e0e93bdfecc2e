//! The section on `nodectl` of the document.

use std::fmt::{self, Write as _};

use super::results::Results;
use super::targets;
use crate::spread::in_brackets;
use crate::target;

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    let Results {
        machine,
        containerd,
        crictl,
        pods,
        containers,
        rounds,
        pairs,
        ..
    } = results;
    writeln!(out, "## `nodectl` on a node\n")?;
    writeln!(
        out,
        "From exec to exit, on a containerd with {pods} pods of {containers} containers each, created \
         by crictl through the CRI plugin, and then as many by `nodectl up`. {containerd}, {crictl}; {machine}. \
         {rounds} alternating rounds. crictl gets its data from the CRI plugin's memory; `nodectl -k` \
         reads containerd's records and queries each pod's shim, so it notices a stuck one.\n"
    )?;
    machine.warn_if_busy(out)?;
    target::write(out, &targets::all(results))?;
    writeln!(out, "| | ms |\n|---|---|")?;
    for timed in pairs.iter().flat_map(|pair| [&pair.ours, &pair.other]) {
        let millis = in_brackets(&timed.millis, 1.0, 1);
        writeln!(out, "| `{}` | {millis} |", timed.command)?;
    }
    writeln!(out)
}
