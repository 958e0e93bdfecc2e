//! The header of the PROXY protocol, version 2, as an NLB sends it.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2

use std::net::{IpAddr, SocketAddr};

/// The first bytes of a header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command LOCAL: a connection of the sender's own.
const VERSION_LOCAL: u8 = 0x20;
/// Version 2, command PROXY: a connection on behalf of a client.
const VERSION_PROXY: u8 = 0x21;

/// The header of a health check: it names no client.
pub(super) const LOCAL: [u8; 16] = {
    let mut header = [0; 16];
    let mut at = 0;
    while at < SIGNATURE.len() {
        header[at] = SIGNATURE[at];
        at += 1;
    }
    header[12] = VERSION_LOCAL;
    header
};

/// The header of a client's connection.
pub(super) fn header(client: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (family, addresses) = match (client.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (0x11, [from.octets(), to.octets()].concat()),
        (from, to) => (0x21, [octets_v6(from), octets_v6(to)].concat()),
    };
    let ports = [
        client.port().to_be_bytes(),
        destination.port().to_be_bytes(),
    ]
    .concat();
    let body = [addresses, ports].concat();
    let length = u16::try_from(body.len()).expect("two addresses and two ports");
    [
        &SIGNATURE[..],
        &[VERSION_PROXY, family],
        &length.to_be_bytes(),
        &body,
    ]
    .concat()
}

fn octets_v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_both_addresses_and_its_length() {
        let client = "192.0.2.1:4660".parse().unwrap();
        let header = header(client, "127.0.0.1:80".parse().unwrap());
        assert_eq!(header[..12], SIGNATURE);
        assert_eq!(header[12..16], [0x21, 0x11, 0, 12]);
        assert_eq!(header[16..24], [192, 0, 2, 1, 127, 0, 0, 1]);
        assert_eq!(header[24..], [0x12, 0x34, 0, 80]);
        assert_eq!(LOCAL[12..], [0x20, 0, 0, 0]);
    }
}
