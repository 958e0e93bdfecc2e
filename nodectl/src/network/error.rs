//! Errors of links, addresses and namespaces.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::Subnet;

/// A failure of the pod network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a netlink request.
    #[error("cannot {action} `{link}`")]
    Netlink {
        /// The failed action.
        action: &'static str,
        /// The link.
        link: String,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// A netlink socket, thread or runtime could not be created.
    #[error("cannot {action}")]
    Setup {
        /// The failed action.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A network namespace's file or mount failed.
    #[error("cannot {action} network namespace `{}`", path.display())]
    Namespace {
        /// The failed action.
        action: &'static str,
        /// The namespace's file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// containerd is in another mount namespace, and mounts are not propagated to it.
    #[error("containerd (process {daemon}) does not see the mounts of this process")]
    Unseen {
        /// containerd's process.
        daemon: i32,
    },
    /// The chosen subnet is in use on this machine.
    #[error("pod network {subnet} overlaps {other}, which this machine already routes")]
    Overlap {
        /// The subnet for the pods.
        subnet: Subnet,
        /// The conflicting route or address.
        other: Subnet,
    },
    /// None of the candidate subnets is free.
    #[error(
        "every /24 of 10.88.0.0/16, 172.30.0.0/16 and 192.168.0.0/16 overlaps a route of this machine"
    )]
    NoFreeSubnet,
    /// The bridge exists with another subnet.
    #[error("bridge `{bridge}` already has {actual}, not {wanted}")]
    OtherSubnet {
        /// The bridge.
        bridge: String,
        /// The requested subnet.
        wanted: Subnet,
        /// Its subnet.
        actual: Subnet,
    },
    /// A link with this name exists and is not nodectl's bridge.
    #[error("`{0}` already exists and is not a bridge with an IPv4 subnet")]
    NotABridge(String),
    /// The subnet has fewer addresses than the pods need.
    #[error(
        "{subnet} has {} addresses for pods, too few for {pods} and {surge} more during an update",
        subnet.pods()
    )]
    TooSmall {
        /// The pods' subnet.
        subnet: Subnet,
        /// How many pods are desired.
        pods: u32,
        /// How many more an update may create.
        surge: u32,
    },
    /// All addresses are in use.
    #[error("no address is left in {subnet} for another pod")]
    Full {
        /// The pods' subnet.
        subnet: Subnet,
    },
    /// An address is outside the pods' subnet.
    #[error("{address} is not in {subnet}")]
    Foreign {
        /// The address.
        address: Ipv4Addr,
        /// The pods' subnet.
        subnet: Subnet,
    },
}

impl Error {
    /// Whether the caller lacks permission.
    pub fn is_permission(&self) -> bool {
        matches!(
            self,
            Self::Netlink { source, .. } | Self::Setup { source, .. } | Self::Namespace { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied
        )
    }
}

/// Turns the netlink library's error into the kernel's.
pub(super) fn kernel_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

/// Adds the action and the link to a netlink error.
pub(super) fn on_link(
    action: &'static str,
    link: &str,
) -> impl FnOnce(rtnetlink::Error) -> Error + use<> {
    let link = link.to_owned();
    move |error| Error::Netlink {
        action,
        link,
        source: kernel_error(error),
    }
}
