//! The PROXY protocol's header, version 2, parsed from bytes
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2). Version 1, a line of
//! text, is not accepted: no AWS load balancer sends it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// The first bytes of a version 2 header.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, command, family and length.
pub const FIXED_BYTES: usize = 16;

/// The longest header that is accepted. A header for TCP over IPv6 is 52 bytes, and AWS adds one
/// extension of some 30; 65,551 would be the format's limit.
pub const MAX_BYTES: usize = 4096;

/// Extension: CRC-32C of the header.
const TYPE_CRC32C: u8 = 0x03;
/// Extension of AWS, and its subtype that carries the id of a VPC endpoint
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#proxy-protocol>).
const TYPE_AWS: u8 = 0xea;
const SUBTYPE_AWS_VPCE_ID: u8 = 0x01;

/// The connection between client and load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The client.
    pub client: SocketAddr,
    /// The address that the client connected to.
    pub destination: SocketAddr,
    /// The VPC endpoint it came through, if there was one.
    pub vpc_endpoint: Option<String>,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// The load balancer connects on its own behalf, as in a health check.
    Local,
    /// It connects on behalf of a client.
    Proxied(Source),
}

/// The result of parsing the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header that has at least this many bytes.
    Incomplete(usize),
    /// No header at all: the signature is not there.
    Absent,
    /// A header, and its length in bytes.
    Complete(Header, usize),
}

/// Why bytes with the signature are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// The upper half of byte 13.
    #[error("version {0} of the PROXY protocol; only 2 is supported")]
    Version(u8),
    /// The lower half of byte 13.
    #[error("unknown PROXY command {0}")]
    Command(u8),
    /// Byte 14.
    #[error("PROXY address family {0:#04x} is not TCP over IPv4 or IPv6")]
    Family(u8),
    /// Bytes 15 and 16.
    #[error("a PROXY header of {0} bytes; the limit is {MAX_BYTES}")]
    TooLong(usize),
    /// The length leaves no room for the addresses, or for an extension that is announced.
    #[error("the PROXY header ends within its {0}")]
    Truncated(&'static str),
    /// The sum does not match.
    #[error("the PROXY header contains the CRC-32C {said:#010x}, but its bytes have {found:#010x}")]
    Checksum {
        /// The checksum in the header.
        said: u32,
        /// The checksum of its bytes.
        found: u32,
    },
}

/// Parses the first bytes of a connection.
///
/// # Errors
/// [`ProxyError`] if the signature is followed by anything but a valid header.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] != SIGNATURE[..common] {
        return Ok(Parsed::Absent);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Ok(Parsed::Incomplete(FIXED_BYTES));
    };
    let [.., version_command, family, length_high, length_low] = *fixed;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let total = FIXED_BYTES + length;
    if version_command >> 4 != 2 {
        return Err(ProxyError::Version(version_command >> 4));
    }
    let local = match version_command & 0xf {
        0 => true,
        1 => false,
        other => return Err(ProxyError::Command(other)),
    };
    if total > MAX_BYTES {
        return Err(ProxyError::TooLong(total));
    }
    let Some(payload) = rest.get(..length) else {
        return Ok(Parsed::Incomplete(total));
    };
    // A local header's family and addresses are to be skipped, whatever they are.
    let header = if local {
        Header::Local
    } else {
        proxied(&bytes[..total], family, payload)?
    };
    Ok(Parsed::Complete(header, total))
}

fn proxied(whole: &[u8], family: u8, payload: &[u8]) -> Result<Header, ProxyError> {
    let (client, destination, extensions) = match family {
        0x11 => addresses::<4>(payload, |octets| Ipv4Addr::from(octets).into())?,
        0x21 => addresses::<16>(payload, |octets| Ipv6Addr::from(octets).to_canonical())?,
        // UNSPEC: the sender does not know, so the connection's own address counts.
        0x00 => return Ok(Header::Local),
        other => return Err(ProxyError::Family(other)),
    };
    let mut vpc_endpoint = None;
    for extension in Extensions(extensions) {
        match extension? {
            (TYPE_CRC32C, value) => check_sum(whole, value)?,
            (TYPE_AWS, [SUBTYPE_AWS_VPCE_ID, id @ ..]) => vpc_endpoint = endpoint(id),
            _ => {}
        }
    }
    Ok(Header::Proxied(Source {
        client,
        destination,
        vpc_endpoint,
    }))
}

/// Source and destination address, source and destination port, and what follows.
fn addresses<const N: usize>(
    payload: &[u8],
    address: impl Fn([u8; N]) -> IpAddr,
) -> Result<(SocketAddr, SocketAddr, &[u8]), ProxyError> {
    let truncated = ProxyError::Truncated("addresses");
    let (source, rest) = payload.split_first_chunk::<N>().ok_or(truncated)?;
    let (destination, rest) = rest.split_first_chunk::<N>().ok_or(truncated)?;
    let (ports, rest) = rest.split_first_chunk::<4>().ok_or(truncated)?;
    let [source_high, source_low, destination_high, destination_low] = *ports;
    Ok((
        SocketAddr::new(
            address(*source),
            u16::from_be_bytes([source_high, source_low]),
        ),
        SocketAddr::new(
            address(*destination),
            u16::from_be_bytes([destination_high, destination_low]),
        ),
        rest,
    ))
}

/// An id that can be displayed: those of AWS look like `vpce-08d2bf15fac5001c9`.
fn endpoint(id: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(id).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (id.len() <= 64 && id.bytes().all(plain)).then(|| id.to_owned())
}

/// The extensions of a header: type, length, value.
struct Extensions<'a>(&'a [u8]);

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<(u8, &'a [u8]), ProxyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let split = self.0.split_first_chunk::<3>().and_then(|(head, rest)| {
            let [kind, high, low] = *head;
            let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
            Some((kind, value, rest))
        });
        let Some((kind, value, rest)) = split else {
            self.0 = &[];
            return Some(Err(ProxyError::Truncated("extensions")));
        };
        self.0 = rest;
        Some(Ok((kind, value)))
    }
}

/// Verifies the checksum of the header, whose own bytes count as zero.
fn check_sum(whole: &[u8], value: &[u8]) -> Result<(), ProxyError> {
    let said = value
        .try_into()
        .map_err(|_| ProxyError::Truncated("checksum"))?;
    let said = u32::from_be_bytes(said);
    // `value` lies within `whole`.
    let begin = value.as_ptr() as usize - whole.as_ptr() as usize;
    let zeroed = whole.iter().enumerate().map(|(index, byte)| {
        if (begin..begin + value.len()).contains(&index) {
            0
        } else {
            *byte
        }
    });
    let found = crc32c(zeroed);
    if said == found {
        Ok(())
    } else {
        Err(ProxyError::Checksum { said, found })
    }
}

/// CRC-32C (RFC 9260, appendix A), a bit at a time: headers are short and few.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0x82f6_3b78
            } else {
                sum >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header for TCP over IPv4 with these extensions.
    fn header(extensions: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x21, 0x11]);
        bytes.extend(u16::try_from(12 + extensions.len()).unwrap().to_be_bytes());
        bytes.extend([203, 0, 113, 9, 10, 0, 0, 1]);
        bytes.extend(40000_u16.to_be_bytes());
        bytes.extend(80_u16.to_be_bytes());
        bytes.extend(extensions);
        bytes
    }

    fn source(parsed: Parsed) -> Source {
        match parsed {
            Parsed::Complete(Header::Proxied(source), _) => source,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_names_the_client() {
        let mut bytes = header(&[]);
        bytes.extend(b"GET / HTTP/1.1\r\n");
        let parsed = parse(&bytes).unwrap();
        assert!(matches!(parsed, Parsed::Complete(_, 28)));
        let source = source(parsed);
        assert_eq!(source.client, "203.0.113.9:40000".parse().unwrap());
        assert_eq!(source.destination, "10.0.0.1:80".parse().unwrap());
    }

    #[test]
    fn every_prefix_of_a_header_is_incomplete() {
        let whole = header(&[TYPE_AWS, 0, 7, 1, b'v', b'p', b'c', b'e', b'-', b'1']);
        for length in 0..whole.len() {
            let parsed = parse(&whole[..length]).unwrap();
            assert!(
                matches!(parsed, Parsed::Incomplete(needed) if needed > length),
                "{length}: {parsed:?}"
            );
        }
        assert_eq!(
            source(parse(&whole).unwrap()).vpc_endpoint.as_deref(),
            Some("vpce-1")
        );
    }

    #[test]
    fn a_request_is_not_a_header() {
        assert_eq!(parse(b"G"), Ok(Parsed::Absent));
        assert_eq!(parse(b"\r\n\r\nG"), Ok(Parsed::Absent));
        assert_eq!(
            parse(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
            Ok(Parsed::Absent)
        );
    }

    #[test]
    fn a_health_check_is_a_local_header() {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20, 0x00, 0, 0]);
        assert_eq!(parse(&bytes), Ok(Parsed::Complete(Header::Local, 16)));
        bytes[12] = 0x21;
        assert_eq!(
            parse(&bytes),
            Ok(Parsed::Complete(Header::Local, 16)),
            "UNSPEC"
        );
    }

    #[test]
    fn malformed_truncated_and_foreign_headers_are_distinguished() {
        let mut bytes = header(&[]);
        bytes[12] = 0x11;
        assert_eq!(parse(&bytes), Err(ProxyError::Version(1)));
        bytes[12] = 0x22;
        assert_eq!(parse(&bytes), Err(ProxyError::Command(2)));
        bytes[12] = 0x21;
        bytes[13] = 0x31;
        assert_eq!(parse(&bytes), Err(ProxyError::Family(0x31)));
        bytes[13] = 0x21;
        assert_eq!(parse(&bytes), Err(ProxyError::Truncated("addresses")));
        bytes[14] = 0xff;
        assert!(matches!(parse(&bytes), Err(ProxyError::TooLong(_))));
        assert_eq!(
            parse(&header(&[4, 0, 9])),
            Err(ProxyError::Truncated("extensions"))
        );
        assert_eq!(
            parse(&header(&[3, 0, 1, 0])),
            Err(ProxyError::Truncated("checksum"))
        );
    }

    #[test]
    fn the_checksum_is_verified() {
        assert_eq!(
            crc32c(b"123456789".iter().copied()),
            0xe306_9283,
            "RFC 3720's check value"
        );
        let mut bytes = header(&[TYPE_CRC32C, 0, 4, 0, 0, 0, 0]);
        let sum = crc32c(bytes.iter().copied());
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&sum.to_be_bytes());
        assert!(parse(&bytes).is_ok());
        bytes[20] ^= 1;
        assert!(matches!(parse(&bytes), Err(ProxyError::Checksum { .. })));
    }
}
