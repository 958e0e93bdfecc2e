//! The kubelet's containers on this node, from containerd and the node's files alone.
//!
//! Read only, and without the API server: it works where `kubectl` does not, and shows what the node
//! knows, not what the cluster believes. It does not speak CRI; the records that containerd's CRI
//! plugin keeps on containers are read instead, in the form they have had since containerd 1.5.

mod cgroup;
mod collect;
mod cri;
mod host;
mod image;
mod model;
mod select;
mod stats;

pub(crate) use collect::{NAMESPACE, collect, collect_with_memory};
pub(crate) use host::Host;
pub(crate) use model::{NodeContainer, NodePod, State};
pub(crate) use select::{SelectError, select_pod};
pub(crate) use stats::{ContainerStats, MemoryUse, Network, rates, sample};
