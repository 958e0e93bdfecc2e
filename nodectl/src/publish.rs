//! The `--publish` option, and binding the ports that it publishes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Socket, Type};

use crate::manifest::{DnsLabel, NameError};

/// `[ADDRESS:]PORT:[[NAMESPACE/]SERVICE:]SERVICEPORT`: a port of this machine for a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The Service's namespace, if it is named.
    pub namespace: Option<DnsLabel>,
    /// The Service, if it is named; otherwise the only one with the port.
    pub service: Option<DnsLabel>,
    /// The Service's port.
    pub service_port: u16,
}

/// The form of the option's value.
const FORM: &str = "expected [ADDRESS:]PORT:[[NAMESPACE/]SERVICE:]SERVICEPORT, such as 8080:80, 8080:web:80 \
                    or [::1]:8080:shop/web:80";

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || FORM.to_owned();
        let (address, rest) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once("]:").ok_or_else(form)?;
                let address: Ipv6Addr = address
                    .parse()
                    .map_err(|_| format!("`{address}` is not an IPv6 address; {FORM}"))?;
                (Some(IpAddr::V6(address)), rest)
            }
            None => (None, text),
        };
        let mut words: Vec<_> = rest.split(':').collect();
        let service_port = words.pop().and_then(port).filter(|port| *port > 0);
        let service_port = service_port.ok_or_else(form)?;
        let mut words = words.into_iter();
        let first = words.next().ok_or_else(form)?;
        let (address, at) = match (address, port(first)) {
            (address, Some(at)) => (address.unwrap_or(Ipv4Addr::LOCALHOST.into()), at),
            (Some(_), None) => return Err(form()),
            (None, None) if rest.split(':').count() > 4 => {
                return Err(
                    "an IPv6 address is written in brackets, such as [::1]:8080:80".to_owned(),
                );
            }
            (None, None) => {
                let address: Ipv4Addr = first
                    .parse()
                    .map_err(|_| format!("`{first}` is neither a port nor an address; {FORM}"))?;
                let at = words.next().and_then(port).ok_or_else(form)?;
                (address.into(), at)
            }
        };
        let (namespace, service) = match words
            .next()
            .map(|word| word.rsplit_once('/').unwrap_or(("", word)))
        {
            None => (None, None),
            Some(("", service)) => (None, Some(name(service)?)),
            Some((namespace, service)) => (Some(name(namespace)?), Some(name(service)?)),
        };
        if words.next().is_some() {
            return Err(form());
        }
        Ok(Self {
            address: SocketAddr::new(address, at),
            namespace,
            service,
            service_port,
        })
    }
}

fn port(text: &str) -> Option<u16> {
    // `u16` accepts a sign.
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|c| c.is_ascii_digit()))
}

fn name(text: &str) -> Result<DnsLabel, String> {
    text.parse().map_err(|error: NameError| error.to_string())
}

/// A port that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub(crate) struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

/// Connections that may wait to be accepted; the kernel's limit (`net.core.somaxconn`) is 4096. With fewer, a
/// burst of clients has to retransmit after a second.
const BACKLOG: i32 = 4096;

/// Binds a port, so that no other process can bind it.
///
/// # Errors
/// As the system's: it is in use, or not permitted.
pub(crate) fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener, BindError> {
    let error = |source| BindError { address, source };
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Allow a port whose last connections are in TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(socket.into())
    };
    listen().map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_addresses_ports_and_services() {
        let check = |text: &str, address: &str, service: &str, port: u16| {
            let publish: Publish = text.parse().unwrap();
            assert_eq!(publish.address, address.parse().unwrap(), "{text}");
            assert_eq!(publish.service_port, port, "{text}");
            let named = [publish.namespace, publish.service];
            let named: Vec<_> = named.iter().flatten().map(ToString::to_string).collect();
            assert_eq!(named.join("/"), service, "{text}");
        };
        check("8080:80", "127.0.0.1:8080", "", 80);
        check("0:80", "127.0.0.1:0", "", 80);
        check("0.0.0.0:8080:80", "0.0.0.0:8080", "", 80);
        check("[::1]:8080:80", "[::1]:8080", "", 80);
        check("8080:web:80", "127.0.0.1:8080", "web", 80);
        check("8080:shop/web:80", "127.0.0.1:8080", "shop/web", 80);
        check("10.0.0.1:8080:web:80", "10.0.0.1:8080", "web", 80);
        check("[::]:8080:shop/web:80", "[::]:8080", "shop/web", 80);
    }

    #[tokio::test]
    async fn a_burst_of_clients_waits_to_be_accepted() {
        // More than the backlog of 128 of many programs, and fewer than the limit on open files.
        const CLIENTS: usize = 500;
        // A client that does not fit repeats its SYN after 1 s, 3 s and 7 s.
        const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, TIMEOUT);
        let clients: Result<Vec<_>, _> = (0..CLIENTS).map(connect).collect();
        assert_eq!(clients.unwrap().len(), CLIENTS);
    }

    #[test]
    fn invalid_values_are_refused_with_the_expected_form() {
        for (text, expected) in [
            ("", "expected [ADDRESS:]PORT:"),
            ("80", "expected [ADDRESS:]PORT:"),
            ("8080:", "expected [ADDRESS:]PORT:"),
            ("8080:0", "expected [ADDRESS:]PORT:"),
            ("+80:80", "`+80` is neither a port nor an address"),
            ("x:8080:80", "`x` is neither a port nor an address"),
            ("70000:80", "`70000` is neither a port nor an address"),
            ("::1:8080:80", "an IPv6 address is written in brackets"),
            (
                "fe80::1:8080:web:80",
                "an IPv6 address is written in brackets",
            ),
            ("[::1:8080:80", "expected [ADDRESS:]PORT:"),
            ("[::1]8080:80", "expected [ADDRESS:]PORT:"),
            ("[]:8080:80", "`` is not an IPv6 address"),
            ("[127.0.0.1]:8080:80", "`127.0.0.1` is not an IPv6 address"),
            ("[::1]:x:80", "expected [ADDRESS:]PORT:"),
            ("8080:Web:80", "invalid name `Web`: "),
            ("8080:a/b/web:80", "invalid name `a/b`: "),
            ("8080:web:x:80", "expected [ADDRESS:]PORT:"),
        ] {
            let error = text.parse::<Publish>().expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
