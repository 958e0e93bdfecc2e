//! Pod networks: one bridge, and for each pod a network namespace connected to it by a veth pair, created
//! by netlink from this process.
//!
//! The host reaches the pods, and they reach each other and the host. There is no NAT, no DNS and no
//! firewall rule, so none of these can leak. `bridge` chooses the subnet, `address` a pod's address, and `pod`
//! connects it, by `netns` and `link`.

mod address;
mod bridge;
mod error;
mod link;
mod netns;
mod pod;
mod turn;

pub(crate) use address::Subnet;
pub(crate) use bridge::{Bridge, SubnetChoice};
pub(crate) use error::Error;
pub(crate) use netns::check_seen_by;
pub(crate) use pod::{
    PodNetwork, attach, attached, detach, links_with_prefix, release, remove_link,
};
