//! The two listeners.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::error::ServeError;
use crate::edge::memory::SMALL_BUFFER_BYTES;
use crate::settings::Settings;

/// Connections that may wait for the admin listener.
const ADMIN_BACKLOG: u32 = 64;

/// The two listeners, bound.
#[derive(Debug)]
pub struct Bound {
    pub(super) public: TcpListener,
    pub(super) admin: TcpListener,
}

impl Bound {
    /// Binds both listeners.
    ///
    /// # Errors
    /// [`ServeError::Bind`] if an address is not available.
    pub fn bind(settings: &Settings) -> Result<Self, ServeError> {
        let bind = |address, backlog, setting| {
            listen(address, backlog).map_err(|source| ServeError::Bind {
                address,
                setting,
                source,
            })
        };
        let public = bind(settings.listen, settings.backlog, "APP_LISTEN")?;
        let admin = bind(settings.admin_listen, ADMIN_BACKLOG, "APP_ADMIN_LISTEN")?;
        Ok(Self { public, admin })
    }

    /// The addresses in use: public and admin.
    ///
    /// # Errors
    /// Those of the kernel, which has no reason to fail here.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.public.local_addr()?, self.admin.local_addr()?))
    }
}

fn listen(address: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A new process need not wait for connections of its predecessor in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit this: a response is one write, and waiting for more would delay it.
    socket.set_tcp_nodelay(true)?;
    // Accepted sockets inherit these; before listen(2), so that the window scale fits them (tcp(7)).
    socket.set_recv_buffer_size(SMALL_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SMALL_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), 1).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = Socket::from(accepted);
        assert!(accepted.tcp_nodelay().unwrap());
        // The kernel doubles what it is given (socket(7)).
        let buffers = (
            accepted.recv_buffer_size().unwrap(),
            accepted.send_buffer_size().unwrap(),
        );
        assert_eq!(buffers, (2 * SMALL_BUFFER_BYTES, 2 * SMALL_BUFFER_BYTES));
    }
}
