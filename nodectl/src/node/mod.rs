//! The kubelet's containers on this node, only from containerd and the node's files.
//!
//! Read-only, and without the API server: it works when `kubectl` does not, and shows the node's actual
//! state, not the cluster's view of it. It does not use the CRI, but reads the records of containerd's CRI
//! plugin, whose format has not changed since containerd 1.5.
//!
//! `collect` queries containerd and the shims, where it notices a stuck one; `records` and `cri` assemble pods from
//! records, `stats` and `cgroup` measure them, and `select` finds the one that an argument names.

mod cgroup;
mod collect;
mod cri;
mod host;
mod image;
mod model;
mod records;
mod select;
mod stats;

pub(crate) use collect::{NAMESPACE, collect, collect_with_memory};
pub(crate) use host::Host;
pub(crate) use model::{NodeContainer, NodePod, State};
pub(crate) use select::{SelectError, select_pod};
pub(crate) use stats::{ContainerStats, MemoryUse, Network, rates, sample};
