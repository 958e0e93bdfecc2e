//! The bridge that joins the pods, and the choice of its subnet.

use std::net::Ipv4Addr;

use rtnetlink::LinkBridge;

use super::error::on_link;
use super::link::Netlink;
use super::{Error, Subnet};

/// Which subnet the pods are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetChoice {
    /// This one, or an error.
    Fixed(Subnet),
    /// The first /24 of 10.88.0.0/16 that this machine does not route yet.
    Free,
}

/// A bridge with an IPv4 subnet.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Its link's name.
    pub name: String,
    /// The pods' subnet; the bridge has its first address.
    pub subnet: Subnet,
}

impl Bridge {
    /// The bridge `name`, which is made if it is missing. One that is there keeps its subnet.
    ///
    /// # Errors
    /// [`Error::Overlap`] or [`Error::NoFreeSubnet`] if no subnet can be had, [`Error::OtherSubnet`]
    /// if the bridge has another one than the one asked for, and the kernel's.
    pub async fn ensure(name: &str, choice: SubnetChoice) -> Result<Self, Error> {
        let netlink = Netlink::open()?;
        if let Some(index) = netlink.index(name).await? {
            if let Some(subnet) = netlink.subnet(name, index).await? {
                return Self::existing(name, subnet, choice);
            }
            // A bridge without an address is one that was being made when nodectl was killed.
            if !is_bridge(name) {
                return Err(Error::NotABridge(name.to_owned()));
            }
            netlink.remove(name).await?;
        }
        let subnet = choose(choice, &netlink.routes().await?)?;
        let made = make(&netlink, name, subnet).await;
        if made.is_err() {
            // Best effort: the first error is the one to tell.
            let _ = netlink.remove(name).await;
        }
        made?;
        Ok(Self {
            name: name.to_owned(),
            subnet,
        })
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

    /// Checks, without making anything, that [`Bridge::ensure`] would find a subnet.
    ///
    /// # Errors
    /// As [`Bridge::ensure`].
    pub async fn check(name: &str, choice: SubnetChoice) -> Result<(), Error> {
        let netlink = Netlink::open()?;
        match netlink.index(name).await? {
            Some(index) => match netlink.subnet(name, index).await? {
                Some(subnet) => Self::existing(name, subnet, choice).map(drop),
                None => Ok(()),
            },
            None => choose(choice, &netlink.routes().await?).map(drop),
        }
    }
}

fn is_bridge(name: &str) -> bool {
    std::path::Path::new("/sys/class/net")
        .join(name)
        .join("bridge")
        .is_dir()
}

async fn make(netlink: &Netlink, name: &str, subnet: Subnet) -> Result<(), Error> {
    let message = LinkBridge::new(name).build();
    netlink
        .handle
        .link()
        .add(message)
        .execute()
        .await
        .map_err(on_link("make bridge", name))?;
    let index = netlink
        .index(name)
        .await?
        .ok_or_else(|| Error::NotABridge(name.to_owned()))?;
    netlink
        .add_address(name, index, subnet.gateway(), subnet.prefix())
        .await?;
    netlink.up(name, index).await
}

fn choose(choice: SubnetChoice, routes: &[Subnet]) -> Result<Subnet, Error> {
    let in_the_way = |subnet: Subnet| routes.iter().copied().find(|route| route.overlaps(subnet));
    match choice {
        SubnetChoice::Fixed(subnet) => match in_the_way(subnet) {
            Some(other) => Err(Error::Overlap { subnet, other }),
            None => Ok(subnet),
        },
        SubnetChoice::Free => (0..=255)
            .map(|third| Subnet::of(Ipv4Addr::new(10, 88, third, 0), 24))
            .find(|subnet| in_the_way(*subnet).is_none())
            .ok_or(Error::NoFreeSubnet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_subnet_avoids_what_is_routed() {
        let routes = ["10.88.0.0/24", "10.88.1.0/25", "192.168.0.0/16"]
            .map(|text| Subnet::of(text.split_once('/').unwrap().0.parse().unwrap(), 24));
        assert_eq!(
            choose(SubnetChoice::Free, &routes).unwrap().to_string(),
            "10.88.2.0/24"
        );
        let all = [Subnet::of(Ipv4Addr::new(10, 0, 0, 0), 8)];
        assert!(matches!(
            choose(SubnetChoice::Free, &all),
            Err(Error::NoFreeSubnet)
        ));
        let fixed = SubnetChoice::Fixed("10.88.0.0/16".parse().unwrap());
        assert!(matches!(choose(fixed, &routes), Err(Error::Overlap { .. })));
    }
}
