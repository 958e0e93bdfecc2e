//! IPv4 subnets, and the allocation of pods' addresses.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network in CIDR notation (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet {
    base: u32,
    prefix: u8,
}

/// A text that is not a subnet for pods.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSubnetError {
    /// It is not a subnet.
    #[error(
        "invalid subnet `{0}`: expected IPv4 in CIDR notation with a prefix of 8 to 29, such as 10.88.0.0/24"
    )]
    Syntax(String),
    /// Its address is not the first one.
    #[error("{address} is an address in the network {network}: name the network")]
    Address {
        /// The address.
        address: Ipv4Addr,
        /// The network that it is in.
        network: Subnet,
    },
    /// No machine can have its addresses.
    #[error("{0} is in a multicast or reserved range")]
    Reserved(Subnet),
}

impl Subnet {
    /// The network that `address` is in; a prefix above 32 counts as 32.
    pub fn of(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self {
            base: address.to_bits() & mask(prefix),
            prefix,
        }
    }

    /// The length of the network part, in bits.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The first address, which the bridge has.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 1)
    }

    /// How many addresses it has for pods: all but the network's own, the bridge's and the broadcast address.
    pub fn pods(self) -> u32 {
        (!mask(self.prefix)).saturating_sub(2)
    }

    /// Whether the two share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.prefix.min(other.prefix);
        self.base & mask(shorter) == other.base & mask(shorter)
    }

    /// Whether an address is in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.overlaps(Self::of(address, 32))
    }

    /// The lowest address above `after` (then from the start) that is not in `used`, so that a released
    /// address is reused last. `None` if all are in use.
    pub fn allocate(self, used: &BTreeSet<Ipv4Addr>, after: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let first = self.base + 2;
        let last = (self.base | !mask(self.prefix)) - 1;
        let start = after
            .filter(|address| self.contains(*address))
            .map_or(first, |address| address.to_bits().saturating_add(1));
        (start.max(first)..=last)
            .chain(first..=last)
            .map(Ipv4Addr::from_bits)
            .find(|address| !used.contains(address))
    }
}

const fn mask(prefix: u8) -> u32 {
    match u32::MAX.checked_shl(32 - prefix as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

/// A MAC address derived from the IPv4 address, as by the CNI bridge plugin, so that a neighbour entry of
/// a deleted pod is valid for the next pod with its address.
pub(super) fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x0a, 0x58, a, b, c, d]
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.base), self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = ParseSubnetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let prefix = prefix.parse().ok()?;
            let address: Ipv4Addr = address.parse().ok()?;
            (8..=29).contains(&prefix).then_some((address, prefix))
        };
        let (address, prefix) = parse().ok_or_else(|| ParseSubnetError::Syntax(text.to_owned()))?;
        let network = Self::of(address, prefix);
        if network.base != address.to_bits() {
            return Err(ParseSubnetError::Address { address, network });
        }
        // 0.0.0.0/8, 224.0.0.0/4 and 240.0.0.0/4: a prefix of at least 8 is all in or all out.
        if matches!(address.octets()[0], 0 | 224..) {
            return Err(ParseSubnetError::Reserved(network));
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn parses_networks_only() {
        assert_eq!(subnet("10.88.0.0/24").to_string(), "10.88.0.0/24");
        for text in [
            "10.88.0.1/24",
            "10.88.0.0",
            "10.88.0.0/30",
            "10.0.0.0/7",
            "0.0.0.0/8",
            "224.0.0.0/24",
            "255.0.0.0/8",
            "::/64",
            "",
        ] {
            assert!(text.parse::<Subnet>().is_err(), "{text}");
        }
        assert_eq!(
            "10.99.0.5/24".parse::<Subnet>().unwrap_err().to_string(),
            "10.99.0.5 is an address in the network 10.99.0.0/24: name the network"
        );
    }

    #[test]
    fn overlap_is_mutual() {
        for (one, other, expected) in [
            ("10.88.0.0/24", "10.88.0.0/16", true),
            ("10.88.1.0/24", "10.88.0.0/24", false),
            ("10.0.0.0/8", "10.88.3.0/24", true),
        ] {
            assert_eq!(subnet(one).overlaps(subnet(other)), expected);
            assert_eq!(subnet(other).overlaps(subnet(one)), expected);
        }
    }

    #[test]
    fn a_released_address_is_reused_last() {
        let net = subnet("10.88.0.0/29");
        let address = |last| Ipv4Addr::new(10, 88, 0, last);
        let mut used = BTreeSet::new();
        assert_eq!(net.allocate(&used, None).unwrap(), address(2));
        assert_eq!(net.allocate(&used, Some(address(2))).unwrap(), address(3));
        assert_eq!(net.allocate(&used, Some(address(6))).unwrap(), address(2));
        used.extend((2..=6).map(address));
        assert_eq!(used.len(), net.pods() as usize);
        assert_eq!(net.allocate(&used, None), None);
        used.remove(&address(4));
        assert_eq!(net.allocate(&used, Some(address(5))).unwrap(), address(4));
    }
}
