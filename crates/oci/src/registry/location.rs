//! Where a response may redirect to: resolves `Location`, and refuses dangerous URLs.

use std::net::IpAddr;

use url::{Host, Url};

use super::error::Problem;

/// Resolves `text` against the URL of the request, and refuses what must not be followed.
///
/// The client has credentials, and may be inside a network that the registry cannot reach, so a
/// malicious registry could use it to send requests there (SSRF). A redirect from a public registry to
/// an address of this machine or of a private network is refused, and so is one from https to http. A
/// name that resolves to such an address is not detected.
pub(super) fn resolve(asked: &Url, text: &str) -> Result<Url, Problem> {
    let target = asked
        .join(text)
        .map_err(|_| Problem::Header { name: "Location" })?;
    let refuse = |why| {
        Err(Problem::Redirect {
            target: redact(&target),
            why,
        })
    };
    if !matches!(target.scheme(), "http" | "https") || target.host().is_none() {
        return refuse("it is not an HTTP URL");
    }
    if same_host(asked, &target) {
        return Ok(target);
    }
    if asked.scheme() == "https" && target.scheme() == "http" {
        return refuse("it is not encrypted");
    }
    if is_internal(&target) && !is_internal(asked) {
        return refuse("it is an address of this machine or a private network");
    }
    Ok(target)
}

/// Whether credentials for one of the URLs may be sent to the other.
pub(super) fn same_host(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_internal_address(address.into()),
        Some(Host::Ipv6(address)) => is_internal_address(address.into()),
        None => false,
    }
}

fn is_internal_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                // Carrier-grade NAT, RFC 6598; EKS may assign it to pods.
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

/// Whether `HOST[:PORT]` is this machine, so that requests do not pass through a network.
pub fn is_loopback(registry: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{registry}/")) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A URL for a message, without its query, which is a secret for uploads and storage services.
pub(super) fn redact(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved_or_refused() {
        let check = |asked: &str, text: &str, expected: Result<&str, &str>| {
            let asked = Url::parse(asked).unwrap();
            let got = resolve(&asked, text).map_err(|problem| problem.to_string());
            match (got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got.as_str(), expected),
                (Err(got), Err(expected)) => assert!(got.ends_with(expected), "{got}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        };
        let registry = "https://r.example/v2/a/blobs/uploads/";
        check(
            registry,
            "/v2/a/u/1?_state=x%2F",
            Ok("https://r.example/v2/a/u/1?_state=x%2F"),
        );
        check(
            registry,
            "1?s=y",
            Ok("https://r.example/v2/a/blobs/uploads/1?s=y"),
        );
        check(
            registry,
            "https://s3.example/x?sig=1",
            Ok("https://s3.example/x?sig=1"),
        );
        check(registry, "http://s3.example/x", Err("it is not encrypted"));
        let private = "it is an address of this machine or a private network";
        for host in [
            "169.254.169.254",
            "127.0.0.1:80",
            "10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "localhost",
            "[::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "0.0.0.0",
            "2130706433",
            "a.localhost",
        ] {
            check(registry, &format!("https://{host}/x?secret"), Err(private));
        }
        check(registry, "file:///etc/passwd", Err("it is not an HTTP URL"));
        check(
            "http://127.0.0.1:5000/v2/",
            "http://127.0.0.1:5001/t",
            Ok("http://127.0.0.1:5001/t"),
        );
        check(
            "https://10.1.1.1/v2/",
            "https://10.1.1.2/t",
            Ok("https://10.1.1.2/t"),
        );
    }

    #[test]
    fn a_message_has_no_secret() {
        let url = Url::parse("https://user:pass@h/p?X-Amz-Signature=abc#f").unwrap();
        assert_eq!(redact(&url), "https://h/p");
    }

    #[test]
    fn loopback_is_this_machine() {
        for yes in [
            "127.0.0.1:5000",
            "127.1.2.3",
            "localhost:5000",
            "[::1]:5000",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["10.0.0.1:5000", "localhost.example", "r.example", "0.0.0.0"] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
