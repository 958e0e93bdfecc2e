//! The limit of a socket's receive window.
//!
//! The kernel derives it from the receive buffer that the socket has when the connection is established,
//! and does not raise it with the buffer: a buffer that begins small would limit the rate of an upload to
//! some 10 KB for each round trip. Only `TCP_WINDOW_CLAMP` (tcp(7)) raises it, which neither rustix nor
//! socket2 offers, so this module calls setsockopt(2) itself.

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Raises the limit to `bytes`.
///
/// # Errors
/// Those of setsockopt(2).
#[expect(unsafe_code, reason = "no library offers this socket option")]
pub(super) fn raise_limit(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let value = c_int::try_from(bytes).unwrap_or(c_int::MAX);
    let length = size_of::<c_int>()
        .try_into()
        .expect("an integer has four bytes");
    // SAFETY: the descriptor stays open while it is borrowed, and the kernel reads `length` bytes of `value`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_WINDOW_CLAMP,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::mem::size_of_val;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use socket2::SockRef;

    use super::*;
    use crate::edge::memory::{LARGE_BUFFER_BYTES, SMALL_BUFFER_BYTES};

    /// The limit in bytes.
    #[expect(unsafe_code, reason = "no library offers this socket option")]
    pub(crate) fn limit(socket: BorrowedFd<'_>) -> usize {
        let mut value: c_int = 0;
        let mut length = size_of_val(&value).try_into().unwrap();
        // SAFETY: the descriptor stays open while it is borrowed, and the kernel writes `length` bytes at most.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_WINDOW_CLAMP,
                (&raw mut value).cast(),
                &raw mut length,
            )
        };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        value.try_into().unwrap()
    }

    #[test]
    fn the_limit_does_not_grow_with_the_buffer_and_can_be_raised() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        SockRef::from(&listener)
            .set_recv_buffer_size(SMALL_BUFFER_BYTES)
            .unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        SockRef::from(&socket)
            .set_recv_buffer_size(LARGE_BUFFER_BYTES)
            .unwrap();
        assert!(limit(socket.as_fd()) <= 2 * SMALL_BUFFER_BYTES);
        raise_limit(socket.as_fd(), LARGE_BUFFER_BYTES).unwrap();
        assert_eq!(limit(socket.as_fd()), LARGE_BUFFER_BYTES);
    }
}
