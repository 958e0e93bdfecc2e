//! What a probe is sent to.

use std::net::Ipv4Addr;

use crate::manifest::ContainerSpec;
use crate::play::context::Context;

/// The container that is probed.
#[derive(Clone, Copy)]
pub(in crate::play) struct Target<'a> {
    pub(in crate::play) ctx: &'a Context,
    /// Its ID in containerd.
    pub(in crate::play) id: &'a str,
    pub(in crate::play) spec: &'a ContainerSpec,
    /// The pod's address.
    pub(in crate::play) address: Ipv4Addr,
}
