//! Where Services are made reachable.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Socket, Type};

/// `[ADDRESS:]PORT:SERVICEPORT`: a port of this machine for a port of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where to listen.
    pub address: SocketAddr,
    /// The Service's port.
    pub service_port: u16,
}

impl Publish {
    /// A Service's port at the same port of the loopback address.
    pub fn same(service_port: u16) -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, service_port).into(),
            service_port,
        }
    }
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (front, service_port) = text.rsplit_once(':')?;
            let service_port: u16 = service_port.parse().ok().filter(|port| *port > 0)?;
            let (address, port) = match front.rsplit_once(':') {
                Some((address, port)) => {
                    let address = address.trim_start_matches('[').trim_end_matches(']');
                    (address.parse().ok()?, port)
                }
                None => (IpAddr::V4(Ipv4Addr::LOCALHOST), front),
            };
            let port: u16 = port.parse().ok()?;
            Some(Self {
                address: SocketAddr::new(address, port),
                service_port,
            })
        };
        parse().ok_or_else(|| "expected [ADDRESS:]PORT:SERVICEPORT, such as 8080:80".to_owned())
    }
}

/// A port that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub(crate) struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Connections that may wait to be accepted; the kernel's own limit (`net.core.somaxconn`) is 4096. With
/// fewer, a burst of clients is answered by a retransmission, a second later.
const BACKLOG: i32 = 4096;

/// Binds a port, so that no other process can from here on.
///
/// # Errors
/// As the system's: it is in use, or may not be used.
pub(crate) fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener, BindError> {
    let error = |source| BindError { address, source };
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A port whose last connections are in TIME_WAIT is free.
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
    fn parses_addresses_and_ports() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let expected = expected.map(|(address, port)| Publish {
                address: address.parse().unwrap(),
                service_port: port,
            });
            assert_eq!(text.parse::<Publish>().ok(), expected, "{text}");
        };
        check("8080:80", Some(("127.0.0.1:8080", 80)));
        check("0.0.0.0:8080:80", Some(("0.0.0.0:8080", 80)));
        check("[::1]:8080:80", Some(("[::1]:8080", 80)));
        check("0:80", Some(("127.0.0.1:0", 80)));
        for wrong in ["80", "8080:", "8080:0", "x:8080:80", "70000:80"] {
            check(wrong, None);
        }
    }
}
