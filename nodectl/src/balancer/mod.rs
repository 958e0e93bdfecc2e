//! A load balancer for TCP in this process: each connection goes to a ready pod, and one that a pod
//! refuses goes to the next, unseen by the client.
//!
//! It reads nothing of what passes, so it cannot repeat a request that a pod has accepted and lost.

mod forward;
mod pool;

pub use forward::{Forwarder, Stats};
pub use pool::{Pool, Target};
