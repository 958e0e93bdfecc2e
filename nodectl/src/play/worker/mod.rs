//! Runs one pod from its creation to its removal, like a kubelet.
//!
//! A worker owns its pod: nothing else changes its containers. It reports the pod's status through a
//! channel and obeys one order, to stop. `run.rs` is the pod's life, and `keep.rs` that of a container, which
//! `start.rs` starts and `watch.rs` watches.

mod keep;
mod order;
mod pod;
mod probes;
mod retry;
mod run;
mod start;
mod watch;

pub(super) use order::Order;
pub(super) use pod::Report;
pub(super) use run::run;
