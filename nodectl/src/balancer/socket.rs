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

/// Reads what there is; `None` if there is nothing, 0 at the end.
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

/// Writes what the socket takes at once; nothing if it is not connected yet.
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

/// Announces the end of what is written. A peer that has closed by itself needs no such thing.
pub(super) fn finish(to: &TcpStream) -> io::Result<()> {
    match shutdown(to, Shutdown::Write) {
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends a connection in both directions, whoever reads it.
pub(super) fn close_both(stream: &TcpStream) {
    // One that is closed by now is fine.
    let _ = shutdown(stream, Shutdown::Both);
}

/// Has the stream reset its connection when it is dropped.
pub(super) fn reset_on_drop(stream: &TcpStream) {
    // One that is closed by now is fine.
    let _ = sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO));
}

/// The fault is here, not at the peer: no file descriptor or no port is left.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL)
    )
}
