//! Why a rollout does not complete: a pure function of the cluster's state.
//!
//! It neither queries the cluster nor waits. `revision.rs` lists all findings, and `pod.rs` decides on a pod.

mod finding;
mod pod;
mod revision;
#[cfg(test)]
mod tests;

pub use finding::{Cause, Finding};
pub use revision::diagnose;
