//! The programs that ours are compared with.

use cli::Printer;

/// Warns of each peer that is not measured, since its program is not given.
pub(super) fn warn_of_missing(printer: Printer, peers: &[(&str, bool)]) {
    for (peer, there) in peers {
        if !there {
            printer.warn(&format!("skipped, because it was not given: {peer}"));
        }
    }
}
