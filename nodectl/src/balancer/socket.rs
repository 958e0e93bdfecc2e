//! Sockets that never block.

use std::io;
use std::net::{SocketAddr, TcpStream};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, connect, recv, send,
    shutdown, socket_with, sockopt,
};

/// The flags of every socket here.
pub(super) const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Starts to connect.
pub(super) fn start_connect(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(TcpStream::from(socket))
}

/// Reads what is available; `None` if nothing is, 0 at the end.
pub(super) fn receive(from: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match recv(from, &mut *buffer, RecvFlags::empty()) {
            Ok((bytes, _)) => return Ok(Some(bytes)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes as much as the socket accepts without blocking; nothing if it is not connected yet.
pub(super) fn transmit(to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match send(to, bytes, SendFlags::NOSIGNAL) {
            Ok(bytes) => return Ok(bytes),
            Err(Errno::AGAIN) => return Ok(0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Shuts down the sending side. It is not an error if the peer has already closed the connection.
pub(super) fn finish(to: &TcpStream) -> io::Result<()> {
    match shutdown(to, Shutdown::Write) {
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Shuts down a connection in both directions, for every thread that uses it.
pub(super) fn close_both(stream: &TcpStream) {
    // It may be closed already.
    let _ = shutdown(stream, Shutdown::Both);
}

/// Makes dropping the stream reset its connection.
pub(super) fn reset_on_drop(stream: &TcpStream) {
    // It may be closed already.
    let _ = sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO));
}

/// Whether this process, not the peer, is at fault: no file descriptor is left.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}
