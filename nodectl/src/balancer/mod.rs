//! A load balancer for TCP in this process: each connection goes to a ready pod. One that a pod refuses,
//! or gives up before a byte has passed, goes to the next, unseen by the client.
//!
//! It inspects no byte of what it relays, so it cannot repeat a request that a pod has accepted and
//! lost. It has threads of its own, one for each core: a connection stays on the thread that accepted
//! it, and no lock or wake-up of another thread is on its path.

mod attempts;
mod limit;
mod listener;
mod notice;
mod opening;
mod poll;
mod pool;
mod relay;
mod slots;
mod socket;
mod stats;
mod threads;
mod wake;
mod worker;

pub use notice::Notice;
pub use pool::{Pool, Target};
pub use stats::Stats;
pub use threads::{Balancer, OPEN_FILES, Port, Settings, connections_for};
