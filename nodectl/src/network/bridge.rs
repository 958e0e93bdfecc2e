//! The bridge that connects the pods, and the choice of its subnet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use rtnetlink::LinkBridge;

use super::error::on_link;
use super::link::Netlink;
use super::turn::Turn;
use super::{Error, Subnet};

/// How to choose the pods' subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetChoice {
    /// This one, or an error.
    Fixed(Subnet),
    /// The first free /24 of the [`CANDIDATES`].
    Free,
}

/// The /16 networks that are searched for a free subnet. Podman uses the start of 10.88.0.0/16 or all
/// of it, VPNs often route all of 10.0.0.0/8, and homes and offices use the start of 192.168.0.0/16.
const CANDIDATES: [Ipv4Addr; 3] = [
    Ipv4Addr::new(10, 88, 0, 0),
    Ipv4Addr::new(172, 30, 0, 0),
    Ipv4Addr::new(192, 168, 0, 0),
];

/// Routes with a shorter prefix are default routes in effect, such as the halves 0.0.0.0/1 and 128.0.0.0/1
/// that VPNs add; a bridge's own route is preferred to them.
const SHORTEST_ROUTE: u8 = 8;

/// A bridge with an IPv4 subnet.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Its link's name.
    pub name: String,
    /// The pods' subnet; the bridge has its first address.
    pub subnet: Subnet,
}

impl Bridge {
    /// The bridge `name`, which is created if it is missing. An existing one keeps its subnet.
    ///
    /// One process at a time chooses: two that start concurrently would choose the same free subnet.
    ///
    /// # Errors
    /// [`Error::Overlap`] or [`Error::NoFreeSubnet`] if no subnet is available, [`Error::OtherSubnet`] if the
    /// bridge has another one than requested, and the kernel's.
    pub async fn ensure(name: &str, choice: SubnetChoice) -> Result<Self, Error> {
        let _turn = Turn::take().await?;
        let netlink = Netlink::open()?;
        if let Some(index) = netlink.index(name).await? {
            if let Some(subnet) = netlink.subnet(name, index).await? {
                return Self::existing(name, subnet, choice);
            }
            // A bridge without an address was being created when nodectl was killed.
            if !is_bridge(name) {
                return Err(Error::NotABridge(name.to_owned()));
            }
            netlink.remove(name).await?;
        }
        let subnet = choose(choice, &netlink.networks().await?)?;
        let created = create(&netlink, name, subnet).await;
        if created.is_err() {
            // Best effort: only the first error is reported.
            let _ = netlink.remove(name).await;
        }
        created?;
        Ok(Self {
            name: name.to_owned(),
            subnet,
        })
    }

    /// The address for a new pod, as [`Subnet::allocate`] chooses it.
    ///
    /// # Errors
    /// [`Error::Full`] if all are in use.
    pub fn allocate(
        &self,
        used: &BTreeSet<Ipv4Addr>,
        after: Option<Ipv4Addr>,
    ) -> Result<Ipv4Addr, Error> {
        let subnet = self.subnet;
        subnet.allocate(used, after).ok_or(Error::Full { subnet })
    }

    fn existing(name: &str, subnet: Subnet, choice: SubnetChoice) -> Result<Self, Error> {
        match choice {
            SubnetChoice::Fixed(wanted) if wanted != subnet => Err(Error::OtherSubnet {
                bridge: name.to_owned(),
                wanted,
                actual: subnet,
            }),
            _ if !is_bridge(name) => Err(Error::NotABridge(name.to_owned())),
            _ => Ok(Self {
                name: name.to_owned(),
                subnet,
            }),
        }
    }

    /// The subnet that [`Bridge::ensure`] would find. Creates nothing.
    ///
    /// # Errors
    /// As [`Bridge::ensure`].
    pub async fn check(name: &str, choice: SubnetChoice) -> Result<Subnet, Error> {
        let netlink = Netlink::open()?;
        if let Some(index) = netlink.index(name).await?
            && let Some(subnet) = netlink.subnet(name, index).await?
        {
            return Self::existing(name, subnet, choice).map(|bridge| bridge.subnet);
        }
        choose(choice, &netlink.networks().await?)
    }
}

fn is_bridge(name: &str) -> bool {
    std::path::Path::new("/sys/class/net")
        .join(name)
        .join("bridge")
        .is_dir()
}

async fn create(netlink: &Netlink, name: &str, subnet: Subnet) -> Result<(), Error> {
    let message = LinkBridge::new(name).build();
    netlink
        .handle
        .link()
        .add(message)
        .execute()
        .await
        .map_err(on_link("create bridge", name))?;
    let index = netlink
        .index(name)
        .await?
        .ok_or_else(|| Error::NotABridge(name.to_owned()))?;
    netlink
        .add_address(name, index, subnet.gateway(), subnet.prefix())
        .await?;
    netlink.up(name, index).await
}

fn choose(choice: SubnetChoice, networks: &[Subnet]) -> Result<Subnet, Error> {
    let in_the_way = |subnet: Subnet| {
        let mut networks = networks.iter().copied();
        networks.find(|network| network.prefix() >= SHORTEST_ROUTE && network.overlaps(subnet))
    };
    match choice {
        SubnetChoice::Fixed(subnet) => match in_the_way(subnet) {
            Some(other) => Err(Error::Overlap { subnet, other }),
            None => Ok(subnet),
        },
        SubnetChoice::Free => CANDIDATES
            .into_iter()
            .flat_map(|network| {
                let [first, second, ..] = network.octets();
                (0..=255).map(move |third| Subnet::of([first, second, third, 0].into(), 24))
            })
            .find(|subnet| in_the_way(*subnet).is_none())
            .ok_or(Error::NoFreeSubnet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_subnet_avoids_routed_networks() {
        let routes = ["10.88.0.0/24", "10.88.1.0/25", "192.168.0.0/16"]
            .map(|text| Subnet::of(text.split_once('/').unwrap().0.parse().unwrap(), 24));
        assert_eq!(
            choose(SubnetChoice::Free, &routes).unwrap().to_string(),
            "10.88.2.0/24"
        );
        let free = |routes: &[&str]| {
            let parse = |text: &&str| {
                let (address, prefix) = text.split_once('/').unwrap();
                Subnet::of(address.parse().unwrap(), prefix.parse().unwrap())
            };
            let routes: Vec<_> = routes.iter().map(parse).collect();
            choose(SubnetChoice::Free, &routes).map(|subnet| subnet.to_string())
        };
        // A VPN's halves of the default route, and podman's network beside them.
        let halves = ["0.0.0.0/1", "128.0.0.0/1"];
        assert_eq!(free(&halves).unwrap(), "10.88.0.0/24");
        let podman = ["0.0.0.0/1", "128.0.0.0/1", "10.88.0.0/16"];
        assert_eq!(free(&podman).unwrap(), "172.30.0.0/24");
        assert_eq!(
            free(&["10.0.0.0/8", "172.16.0.0/12"]).unwrap(),
            "192.168.0.0/24"
        );
        assert!(matches!(
            free(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
            Err(Error::NoFreeSubnet)
        ));
        let fixed = SubnetChoice::Fixed("10.88.0.0/16".parse().unwrap());
        assert!(matches!(choose(fixed, &routes), Err(Error::Overlap { .. })));
    }
}
