//! `nodectl up` on a real containerd and runc. Needs root, containerd, ctr, runc and rustc's musl
//! target.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

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
mod volumes;
mod world;
