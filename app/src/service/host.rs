//! Validation of a `Host` header (RFC 9110 §7.2): the host of a URI (RFC 3986 §3.2.2), optionally a port,
//! or nothing. A proxy may route by it, so anything else is refused instead of interpreted.

use std::net::Ipv6Addr;

/// Whether `value` is a valid `Host`.
pub(super) fn is_valid(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value.trim_ascii()) else {
        return false;
    };
    let (host_is_valid, rest) = if let Some(literal) = value.strip_prefix('[') {
        let Some((address, rest)) = literal.split_once(']') else {
            return false;
        };
        (address.parse::<Ipv6Addr>().is_ok(), rest)
    } else {
        let end = value.find(':').unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        (is_registered_name(name.as_bytes()), rest)
    };
    let port_is_valid = rest.is_empty()
        || rest
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    host_is_valid && port_is_valid
}

/// `reg-name`, which includes IPv4 addresses.
fn is_registered_name(mut name: &[u8]) -> bool {
    while let Some((byte, rest)) = name.split_first() {
        name = match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            b'%' => match rest {
                [high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    rest
                }
                _ => return false,
            },
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_optionally_with_a_port() {
        for valid in [
            "",
            "x",
            "example.com",
            "example.com:80",
            "example.com:",
            "127.0.0.1:5000",
            "[::1]",
            "[2001:db8::1]:443",
            "a_b.%41",
            " x ",
        ] {
            assert!(is_valid(valid.as_bytes()), "{valid:?}");
        }
        for invalid in [
            "a b", "a/b", "a@b", "a:b", "a:80:90", "[::1", "[x]", "[::1]x", "a%4", "a\"", "a,b c",
            "<x>", "a\\b", "http://x", "a?b", "a#b", "\u{e9}",
        ] {
            assert!(!is_valid(invalid.as_bytes()), "{invalid:?}");
        }
    }
}
