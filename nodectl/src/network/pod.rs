//! The network of one pod: namespace, loopback, veth pair, address, default route.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rtnetlink::packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::address::mac_of;
use super::error::on_link;
use super::link::Netlink;
use super::{Bridge, Error, netns};

/// The name of the pod's link inside its namespace, as usual in Kubernetes.
const POD_LINK: &str = "eth0";

/// The parts of a pod's network.
#[derive(Clone, Debug)]
pub(crate) struct PodNetwork {
    /// The file that keeps the network namespace alive.
    pub netns: PathBuf,
    /// The host's end of the veth pair, at most 15 bytes.
    pub host_link: String,
    /// The pod's address.
    pub address: Ipv4Addr,
}

/// Creates a pod's network and connects it to the bridge. On failure no part of it is left.
///
/// # Errors
/// The kernel's.
pub(crate) async fn attach(bridge: &Bridge, pod: PodNetwork) -> Result<(), Error> {
    if !bridge.subnet.contains(pod.address) {
        return Err(Error::Foreign {
            address: pod.address,
            subnet: bridge.subnet,
        });
    }
    let (done, outcome) = tokio::sync::oneshot::channel();
    let bridge = bridge.clone();
    let namespace = pod.clone();
    // A separate thread, because it stays in the pod's namespace: no worker thread may enter it.
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build();
            let action = "start a runtime for netlink";
            let made = runtime
                .map_err(|source| Error::Setup { action, source })
                .and_then(|runtime| runtime.block_on(create(&bridge, &namespace)));
            let _ = done.send(made);
        })
        .map_err(|source| Error::Setup {
            action: "start a thread",
            source,
        })?;
    let made = outcome.await.unwrap_or_else(|_| {
        let source = io::Error::other("the thread panicked");
        Err(Error::Setup {
            action: "create a network namespace",
            source,
        })
    });
    if made.is_err() {
        // Best effort: only the first error is reported.
        let _ = detach(&pod).await;
    }
    made
}

async fn create(bridge: &Bridge, pod: &PodNetwork) -> Result<(), Error> {
    // A netlink socket stays in the namespace in which it was opened: this one is the host's.
    let host = Netlink::open()?;
    let missing = || Error::NotABridge(bridge.name.clone());
    let bridge_index = host.index(&bridge.name).await?.ok_or_else(missing)?;
    let namespace = netns::enter_new(&pod.netns)?;
    let inside = Netlink::open()?;

    let peer = LinkMessageBuilder::<LinkUnspec>::new()
        .name(POD_LINK.to_owned())
        .address(mac_of(pod.address).to_vec())
        .setns_by_fd(namespace.as_raw_fd())
        .build();
    let pair = LinkMessageBuilder::<LinkVeth>::new(&pod.host_link, POD_LINK)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .controller(bridge_index)
        .up()
        .build();
    host.handle
        .link()
        .add(pair)
        .execute()
        .await
        .map_err(on_link("create veth", &pod.host_link))?;

    let gone = |name: &str| Error::Netlink {
        action: "look up",
        link: name.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    };
    let lo = inside.index("lo").await?.ok_or_else(|| gone("lo"))?;
    inside.up("lo", lo).await?;
    let link = inside
        .index(POD_LINK)
        .await?
        .ok_or_else(|| gone(POD_LINK))?;
    inside
        .add_address(POD_LINK, link, pod.address, bridge.subnet.prefix())
        .await?;
    inside.up(POD_LINK, link).await?;
    inside
        .add_default_route(POD_LINK, bridge.subnet.gateway())
        .await
}

/// Removes a pod's network; missing parts are not an error.
///
/// # Errors
/// The kernel's.
pub(crate) async fn detach(pod: &PodNetwork) -> Result<(), Error> {
    // The link first: the kernel frees a namespace, and the link in it, only some time after its last
    // user has exited.
    remove_link(&pod.host_link).await?;
    netns::remove(&pod.netns)
}

/// Releases the network namespace at `path`, of any pod; a missing one is not an error.
///
/// # Errors
/// The kernel's.
pub(crate) fn release(path: &Path) -> Result<(), Error> {
    netns::remove(path)
}

/// Whether a pod's network still exists.
///
/// # Errors
/// The kernel's.
pub(crate) async fn attached(pod: &PodNetwork) -> Result<bool, Error> {
    let link = Netlink::open()?.index(&pod.host_link).await?;
    Ok(link.is_some() && netns::is_mounted(Path::new(&pod.netns)))
}

/// The host's links whose names start with `prefix`.
///
/// # Errors
/// The kernel's.
pub(crate) async fn links_with_prefix(prefix: &str) -> Result<Vec<String>, Error> {
    let mut names = Netlink::open()?.names().await?;
    names.retain(|name| name.starts_with(prefix));
    Ok(names)
}

/// Removes a link of the host; a missing one is not an error.
///
/// # Errors
/// The kernel's.
pub(crate) async fn remove_link(name: &str) -> Result<(), Error> {
    Netlink::open()?.remove(name).await
}
