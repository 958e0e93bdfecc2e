//! A client of containerd's gRPC services: it sets the namespace, lease and deadline of every call, and
//! turns a status into an [`Error`] that names the call and its object.
//!
//! Nothing outside this module calls containerd through tonic. It has no state and retries nothing.
//! The services are those of <https://github.com/containerd/containerd/tree/main/api/services>.

mod client;
mod containers;
mod content;
mod error;
mod exec;
mod images;
mod introspection;
mod leases;
mod namespaces;
mod sandboxes;
mod snapshots;
mod tasks;

pub use client::{Containerd, DEFAULT_ADDRESS};
pub use containerd_client::types::{Descriptor, Mount};
pub use containers::{Container, NewContainer, any_json};
pub use content::BlobInfo;
pub use error::Error;
pub use images::Image;
pub use leases::Lease;
pub use sandboxes::Sandbox;
pub use snapshots::{SNAPSHOTTER, Snapshot};
pub use tasks::{ExitInfo, Process, TaskState};

/// Labels on resources, sorted so that output is stable.
pub type Labels = std::collections::BTreeMap<String, String>;
