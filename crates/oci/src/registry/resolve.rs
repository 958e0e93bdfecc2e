//! Addresses that override name resolution, as with curl's `--resolve`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The address to connect to for a host and port. The URL, the `Host` header and the verification of the
/// certificate still use the name of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    host: String,
    port: u16,
    address: IpAddr,
}

/// A text that is not `HOST:PORT:ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT:ADDRESS, such as registry.example.com:443:10.0.0.7")]
pub struct ResolveError;

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(ResolveError);
        };
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
        let (port, address) = (port.parse(), bare.unwrap_or(address).parse());
        match (port, address) {
            (Ok(port), Ok(address)) if !host.is_empty() && port > 0 => Ok(Self {
                host: host.to_ascii_lowercase(),
                port,
                address,
            }),
            _ => Err(ResolveError),
        }
    }
}

/// Looks up a name in the overrides first.
#[derive(Debug, Default)]
pub(super) struct OverridingResolver {
    pub(super) overrides: Vec<Resolve>,
    pub(super) default: DefaultResolver,
}

impl Resolver for OverridingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let found = self
            .overrides
            .iter()
            .find(|known| known.port == port && known.host.eq_ignore_ascii_case(host));
        match found {
            Some(known) => {
                let mut addresses = self.empty();
                addresses.push(SocketAddr::new(known.address, port));
                Ok(addresses)
            }
            None => self.default.resolve(uri, config, timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_parsed() {
        let parse = |text: &str| text.parse::<Resolve>().map(|known| known.address);
        assert_eq!(parse("r.example:443:10.0.0.7"), Ok([10, 0, 0, 7].into()));
        let v6: IpAddr = "fd00::7".parse().unwrap();
        assert_eq!(parse("r.example:443:[fd00::7]"), Ok(v6));
        assert_eq!(parse("r.example:443:fd00::7"), Ok(v6));
        for bad in [
            "",
            "r",
            "r:443",
            "r:x:10.0.0.7",
            "r:443:name",
            ":443:10.0.0.7",
            "r:0:10.0.0.7",
        ] {
            assert_eq!(parse(bad), Err(ResolveError), "{bad}");
        }
    }
}
