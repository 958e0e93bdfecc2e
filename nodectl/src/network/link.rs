//! A netlink connection with the requests on links, addresses and routes that nodectl needs.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};

use super::Subnet;
use super::error::{Error, kernel_error, on_link};

/// A connection to the kernel, in the network namespace of the thread that opened it.
pub(super) struct Netlink {
    pub(super) handle: Handle,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Netlink {
    pub(super) fn open() -> Result<Self, Error> {
        let action = "open a netlink socket";
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|source| Error::Setup { action, source })?;
        Ok(Self {
            handle,
            driver: tokio::spawn(connection),
        })
    }

    /// The index of the link with this name, if it exists.
    pub(super) async fn index(&self, name: &str) -> Result<Option<u32>, Error> {
        let mut links = self.handle.link().get().match_name(name).execute();
        match links.try_next().await {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) => {
                let source = kernel_error(error);
                // ENODEV: no link has this name.
                if source.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) {
                    return Ok(None);
                }
                Err(Error::Netlink {
                    action: "look up",
                    link: name.to_owned(),
                    source,
                })
            }
        }
    }

    /// The names of all links.
    pub(super) async fn names(&self) -> Result<Vec<String>, Error> {
        let links: Vec<_> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(on_link("list links with", "*"))?;
        let name = |attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        };
        Ok(links
            .into_iter()
            .filter_map(|link| link.attributes.into_iter().find_map(name))
            .collect())
    }

    /// Removes a link; a missing one is not an error.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Error> {
        let Some(index) = self.index(name).await? else {
            return Ok(());
        };
        match self.handle.link().del(index).execute().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let source = kernel_error(error);
                if source.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) {
                    return Ok(());
                }
                Err(Error::Netlink {
                    action: "remove",
                    link: name.to_owned(),
                    source,
                })
            }
        }
    }

    /// Sets a link up.
    pub(super) async fn up(&self, name: &str, index: u32) -> Result<(), Error> {
        let message = LinkUnspec::new_with_index(index).up().build();
        self.handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(on_link("set up", name))
    }

    /// Adds an address to a link.
    pub(super) async fn add_address(
        &self,
        name: &str,
        index: u32,
        address: Ipv4Addr,
        prefix: u8,
    ) -> Result<(), Error> {
        let request = self.handle.address().add(index, address.into(), prefix);
        request
            .execute()
            .await
            .map_err(on_link("give an address to", name))
    }

    /// The first IPv4 network of a link.
    pub(super) async fn subnet(&self, name: &str, index: u32) -> Result<Option<Subnet>, Error> {
        let request = self.handle.address().get().set_link_index_filter(index);
        let addresses: Vec<_> = request
            .execute()
            .try_collect()
            .await
            .map_err(on_link("read the addresses of", name))?;
        Ok(addresses.iter().find_map(network_of))
    }

    /// Every IPv4 network that this machine routes, except default routes, or has an address in: a link that
    /// is down has no routes yet.
    pub(super) async fn networks(&self) -> Result<Vec<Subnet>, Error> {
        let request = self.handle.address().get();
        let addresses: Vec<_> = request
            .execute()
            .try_collect()
            .await
            .map_err(on_link("read the addresses of", "*"))?;
        let mut networks = self.routes().await?;
        networks.extend(addresses.iter().filter_map(network_of));
        Ok(networks)
    }

    async fn routes(&self) -> Result<Vec<Subnet>, Error> {
        let filter = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes: Vec<_> = self
            .handle
            .route()
            .get(filter)
            .execute()
            .try_collect()
            .await
            .map_err(on_link("list routes of", "*"))?;
        Ok(routes
            .into_iter()
            .filter(|route| route.header.destination_prefix_length > 0)
            .filter_map(|route| {
                let prefix = route.header.destination_prefix_length;
                route
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                            Some(Subnet::of(*address, prefix))
                        }
                        _ => None,
                    })
            })
            .collect())
    }

    /// Adds the default route via `gateway`.
    pub(super) async fn add_default_route(
        &self,
        name: &str,
        gateway: Ipv4Addr,
    ) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .gateway(gateway)
            .build();
        self.handle
            .route()
            .add(route)
            .execute()
            .await
            .map_err(on_link("add the default route of", name))
    }
}

fn network_of(message: &AddressMessage) -> Option<Subnet> {
    let address = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(IpAddr::V4(address)) => Some(*address),
            _ => None,
        });
    Some(Subnet::of(address?, message.header.prefix_len))
}
