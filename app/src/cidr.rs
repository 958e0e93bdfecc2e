//! A range of IP addresses in CIDR notation (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// A network prefix, such as `10.0.0.0/8`. A bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CidrError {
    /// Neither an address nor a network.
    #[error("invalid range of addresses `{0}`: expected one such as 10.0.0.0/8")]
    Syntax(String),
    /// Bits beyond the prefix are set, which is a slip more often than not.
    #[error("`{0}` has bits set beyond its prefix; did you mean {1}?")]
    HostBits(String, Cidr),
}

impl Cidr {
    /// Whether the range contains `address`. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let bare = || Some(IpNet::from(text.parse::<IpAddr>().ok()?));
        let network: IpNet = text
            .parse()
            .ok()
            .or_else(bare)
            .ok_or_else(|| CidrError::Syntax(text.to_owned()))?;
        let cidr = Self(network.trunc());
        if cidr.0 == network {
            Ok(cidr)
        } else {
            Err(CidrError::HostBits(text.to_owned(), cidr))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
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
    fn a_range_contains_the_addresses_with_its_prefix() {
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
    fn an_error_says_what_was_expected() {
        let error = |text: &str| text.parse::<Cidr>().unwrap_err().to_string();
        for invalid in [
            "",
            "10.0.0/8",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "::/129",
        ] {
            assert!(error(invalid).contains("expected one such as"), "{invalid}");
        }
        assert!(error("10.1.0.0/8").contains("did you mean 10.0.0.0/8"));
    }
}
