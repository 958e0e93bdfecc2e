//! Probes a container, as the kubelet does.
//!
//! `watch.rs` determines when to probe, `state.rs` applies the thresholds to the results, and `handler.rs` probes
//! once; each of the four kinds of probes has a file. What follows from a result is decided by the pod's worker
//! (`worker/probes.rs`).

mod exec;
mod grpc;
mod handler;
mod http;
mod output;
#[cfg(test)]
mod servers;
mod state;
mod target;
mod tcp;
#[cfg(feature = "https-probes")]
mod tls;
mod watch;

pub use state::ProbeState;
pub(super) use target::Target;
pub(super) use watch::{Probed, watch};
