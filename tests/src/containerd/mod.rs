//! A private containerd for a test, `nodectl` on it, and the resources that the two leak.
//!
//! Needs root, containerd, ctr and runc; a test without them fails.

mod beside;
mod cri;
mod daemon;
mod fixture;
mod image;
mod inventory;
mod kubelet;
mod leftovers;
mod nodectl;
mod sandbox;
mod shim;
mod traces;

pub use cri::{Cri, CriPod, IMAGE, PAUSE};
pub use daemon::{Daemon, OPEN_FILES};
pub use image::{Image, health_program, image_layout, manifest, pod_program};
pub use inventory::Inventory;
pub use kubelet::Kubelet;
pub use nodectl::{Nodectl, Outcome};
pub use sandbox::{RunningSandbox, Sandboxes};
pub use shim::{shim_above, shim_of, sockets_of};
