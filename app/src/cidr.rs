//! A range of IP addresses in CIDR notation (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A network prefix, such as `10.0.0.0/8`. A bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CidrError {
    /// The part before the slash is no address.
    #[error("`{0}` is no range of addresses, such as 10.0.0.0/8")]
    Address(String),
    /// The part after the slash is no prefix length of the address's family.
    #[error("`{0}` has a prefix length that is not within 0 and {1}")]
    Prefix(String, u8),
    /// Bits beyond the prefix are set, which is a slip more often than not.
    #[error("`{0}` has bits set beyond its prefix; did you mean {1}?")]
    HostBits(String, Cidr),
}

impl Cidr {
    /// Whether the range holds `address`. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (network, address) = (self.network, address.to_canonical());
        network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == network
    }
}

/// Width of the address's family in bits.
const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `address` with every bit beyond `prefix` cleared.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| CidrError::Address(text.to_owned()))?;
        let widest = width(address);
        let prefix = match prefix {
            None => widest,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= widest && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or_else(|| CidrError::Prefix(text.to_owned(), widest))?,
        };
        let network = masked(address, prefix);
        let cidr = Self { network, prefix };
        if network == address {
            Ok(cidr)
        } else {
            Err(CidrError::HostBits(text.to_owned(), cidr))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, address: &str, inside: bool) {
        let range: Cidr = range.parse().unwrap();
        assert_eq!(
            range.contains(address.parse().unwrap()),
            inside,
            "{range} {address}"
        );
    }

    #[test]
    fn a_range_holds_what_its_prefix_says() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/32", "2001:db8:ffff::", true);
        check("2001:db8::/32", "2001:db9::", false);
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4() {
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("::/0", "::ffff:10.1.2.3", false);
    }

    #[test]
    fn what_is_no_range_is_told_apart() {
        let error = |text: &str| text.parse::<Cidr>().unwrap_err().to_string();
        assert!(error("10.0.0/8").contains("no range of addresses"));
        assert!(error("10.0.0.0/33").contains("0 and 32"));
        assert!(error("10.0.0.0/+8").contains("prefix length"));
        assert!(error("10.1.0.0/8").contains("did you mean 10.0.0.0/8"));
    }
}
