//! containerd's gRPC services, made fallible: namespace, lease and deadline on every call, and a
//! status turned into an [`Error`] that names the call and its object.
//!
//! Nothing outside this module knows of tonic. It keeps no state of its own and retries nothing.
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

/// Labels on resources, sorted so that what is shown is stable.
pub type Labels = std::collections::BTreeMap<String, String>;
