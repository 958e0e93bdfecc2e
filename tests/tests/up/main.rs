//! `nodectl up` on a real containerd and runc. Needs root, containerd, ctr, runc and rustc's musl
//! target.
#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod balancer;
mod elsewhere;
mod images;
mod killed;
mod leftovers;
mod logs;
mod lost;
mod namespaces;
mod paused;
mod probes;
mod public;
mod refused;
mod screen;
mod serve;
mod shared;
mod world;
