//! What one connection waits for, and since when.
//!
//! The stream and the service report to [`Conn`], and the worker's [`watch`](super::watch) reads it. All
//! three live on one thread, so a report is a store and costs the hot path next to nothing: no
//! timer is armed and no clock is read for a request.
//!
//! It does no I/O, and decides on no deadline: those are the stream's and the watch's. `state.rs` has what is
//! recorded, `phase.rs` the phases, and each other file the reports on its subject.

mod accepting;
mod closing;
mod exchange;
mod footprint;
mod input;
mod phase;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use phase::Phase;
pub(crate) use state::Conn;
