//! The order to stop all pods.

use std::time::Duration;

/// Whether the pods run, stop or are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// They run.
    No,
    /// They stop, each within this time.
    Within(Duration),
    /// They are killed.
    Now,
}
