//! The client's address: which of the addresses in a request is trusted, and why.

use std::net::IpAddr;

use actix_http::header::{AsHeaderName, HeaderMap};

use crate::cidr::Cidr;
use crate::edge::proxy::Source;

/// The most hops of an `X-Forwarded-For` that are examined.
const MAX_HOPS: usize = 32;

/// The address that is trusted, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Believed {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Its source.
    pub(crate) from: &'static str,
    /// Why this source was chosen.
    pub(crate) why: String,
}

/// A header's lines as the one list that they are (RFC 9110 §5.3): a proxy may add its entry to the
/// last line or as a line of its own.
pub(crate) fn joined(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Chooses the address. `forwarded` is `X-Forwarded-For`, all of its lines joined by commas.
pub(crate) fn believe(
    peer: IpAddr,
    proxied: Option<&Source>,
    forwarded: Option<&str>,
    trusted: &[Cidr],
) -> Believed {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let nearest = match proxied {
        Some(source) => Believed {
            address: source.client.ip(),
            from: "proxy-protocol",
            why: format!("the peer {peer} is in APP_TRUSTED_PROXIES and sent a PROXY header"),
        },
        None => Believed {
            address: peer,
            from: "peer",
            why: "it is the peer of the connection, and no proxy names another client".to_owned(),
        },
    };
    let Some(forwarded) = forwarded else {
        return nearest;
    };
    if !is_trusted(nearest.address) {
        let Believed { address, from, .. } = nearest;
        let why = format!("X-Forwarded-For is ignored: {address} is not in APP_TRUSTED_PROXIES");
        return Believed { address, from, why };
    }
    // From the right: each entry was added by the proxy that the next entry names. The first address
    // that is not a trusted proxy is the client; it may have forged everything to the left.
    let mut last = nearest.clone();
    for hop in forwarded.rsplit(',').take(MAX_HOPS) {
        let Some(address) = hop_address(hop.trim()) else {
            let why = format!(
                "{}, and the X-Forwarded-For before it is malformed",
                last.why
            );
            return Believed { why, ..last };
        };
        last = Believed {
            address,
            from: "x-forwarded-for",
            why: "added by a proxy in APP_TRUSTED_PROXIES".to_owned(),
        };
        if !is_trusted(address) {
            break;
        }
    }
    last
}

/// An entry: an address, with a port if an ALB is configured to add it.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let plain = hop.parse().ok();
    let address: Option<IpAddr> = plain.or_else(bracketed).or_else(|| {
        hop.parse::<std::net::SocketAddr>()
            .ok()
            .map(|with_port| with_port.ip())
    });
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(proxied: Option<&str>, forwarded: Option<&str>, address: &str, from: &str) {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = "10.0.0.1".parse().unwrap();
        let source = proxied.map(|client| Source {
            client: client.parse().unwrap(),
            destination: "10.0.0.2:80".parse().unwrap(),
            vpc_endpoint: None,
        });
        let believed = believe(peer, source.as_ref(), forwarded, &trusted);
        assert_eq!(
            (believed.address.to_string().as_str(), believed.from),
            (address, from)
        );
    }

    #[test]
    fn the_nearest_untrusted_address_is_the_client() {
        check(None, None, "10.0.0.1", "peer");
        check(None, Some("203.0.113.9"), "203.0.113.9", "x-forwarded-for");
        check(
            None,
            Some("203.0.113.9, 10.1.1.1"),
            "203.0.113.9",
            "x-forwarded-for",
        );
        check(
            None,
            Some("1.1.1.1, 203.0.113.9, 10.1.1.1"),
            "203.0.113.9",
            "x-forwarded-for",
        );
        check(
            None,
            Some("203.0.113.9:4711"),
            "203.0.113.9",
            "x-forwarded-for",
        );
        check(
            None,
            Some("[2001:db8::1]:4711"),
            "2001:db8::1",
            "x-forwarded-for",
        );
        check(Some("203.0.113.7:1"), None, "203.0.113.7", "proxy-protocol");
    }

    #[test]
    fn addresses_from_untrusted_peers_are_ignored() {
        check(
            Some("203.0.113.7:1"),
            Some("1.1.1.1"),
            "203.0.113.7",
            "proxy-protocol",
        );
        check(None, Some("1.1.1.1, nonsense"), "10.0.0.1", "peer");
        let stranger = "203.0.113.5".parse().unwrap();
        let believed = believe(stranger, None, Some("1.1.1.1"), &[]);
        assert_eq!(believed.address, stranger);
        assert!(believed.why.contains("ignored"), "{}", believed.why);
    }
}
