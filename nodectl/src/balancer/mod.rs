//! A TCP load balancer in this process: each connection goes to a ready pod. If the pod refuses it, or
//! closes it before any byte has passed, it goes to the next pod, unnoticed by the client.
//!
//! It does not inspect the bytes that it relays, so it cannot repeat a request that a pod has accepted
//! and lost. It has its own threads, one for each core: a connection stays on the thread that accepted
//! it, without locks or wake-ups of other threads.
//!
//! `pool` chooses a pod, `opening` tries the next one with one of the local `ports`, `relay` copies the bytes,
//! `limit` closes idle connections, and `notice` reports to the operator. `threads` derives the limit of connections
//! and starts the threads; a `worker` is one, on the events of `poll`.

mod attempts;
mod limit;
mod listener;
mod notice;
mod opening;
mod poll;
mod pool;
mod ports;
mod relay;
mod slots;
mod socket;
mod stats;
mod threads;
mod wake;
mod worker;

pub use attempts::Failure;
pub use notice::Notice;
pub use pool::{Pool, Target};
pub use stats::Stats;
pub use threads::{Balancer, OPEN_FILES, Port, Settings, connections_for};
