//! A Kubernetes cluster to test on, and the service on it. `dev/cluster/run` starts the cluster and
//! passes its context in the environment.
//!
//! Nothing here is simulated, as it is in [`rollout`](crate::rollout). `connect.rs` finds the cluster, and each
//! other file has one kind of step or query of the tests.

mod access;
mod balancers;
mod connect;
mod deploy;
mod deployed;
mod environment;
mod image;
mod make;
mod node;
mod objects;
mod overlays;
mod rollout;

pub use connect::Cluster;
pub use deployed::Deployed;
pub use objects::{NAMESPACE, SELECTOR};
pub use overlays::{changed, drainless, local, patched, with_worker};
