//! Copies bytes between a client and its pod until both have closed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd as _;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv, send};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::limit::Registered;

/// What is read at once. All connections of a thread share one buffer, so an idle one holds none.
const BUFFER_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// A pod whose network is gone sends nothing any more, not even a reset; probed, it is found out
/// within 4 s.
const POD_KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(1))
    .with_interval(Duration::from_secs(1))
    .with_retries(3);

/// Most connections are shorter and need no probes, which four system calls set up.
const POD_KEEPALIVE_AFTER: Duration = Duration::from_secs(1);

/// Relays until both sides have closed, or one of them has failed: the other is then reset too.
pub(super) async fn relay(connection: &Registered) {
    let pair = &connection.pair;
    let mut to_pod = Direction::new(&pair.client, &pair.pod);
    let mut to_client = Direction::new(&pair.pod, &pair.client);
    let mut keepalive = pin!(Some(sleep(POD_KEEPALIVE_AFTER)));
    let outcome = poll_fn(|cx| {
        let one = to_pod.poll(cx, connection, to_client.closed)?;
        let other = to_client.poll(cx, connection, to_pod.closed)?;
        // The second one may have waited for the first to make way for a close.
        if one.is_ready() && other.is_ready() {
            return Poll::Ready(Ok(()));
        }
        if let Some(after) = keepalive.as_mut().as_pin_mut()
            && after.poll(cx).is_ready()
        {
            let _ = SockRef::from(&pair.pod).set_tcp_keepalive(&POD_KEEPALIVE);
            keepalive.set(None);
        }
        Poll::<io::Result<()>>::Pending
    })
    .await;
    if outcome.is_err() {
        for stream in [&pair.client, &pair.pod] {
            let _ = stream.set_zero_linger();
        }
    }
}

/// One of the two directions of a connection.
struct Direction<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    /// What was read and could not be written yet, from `written` on.
    rest: Vec<u8>,
    written: usize,
    /// The end was read and passed on.
    closed: bool,
}

impl<'a> Direction<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream) -> Self {
        Self {
            from,
            to,
            rest: Vec::new(),
            written: 0,
            closed: false,
        }
    }

    /// Copies what there is; ready once the sender has closed.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        connection: &Registered,
        other_closed: bool,
    ) -> Poll<io::Result<()>> {
        while !self.closed {
            if !self.rest.is_empty() {
                ready!(self.poll_rest(cx))?;
            }
            ready!(self.from.poll_read_ready(cx))?;
            BUFFER.with_borrow_mut(|buffer| match receive(self.from, buffer)? {
                None => Ok(()),
                Some(0) => {
                    self.closed = true;
                    // Closing the sockets, which is next if the other side has closed too, says it.
                    if other_closed {
                        return Ok(());
                    }
                    match SockRef::from(self.to).shutdown(Shutdown::Write) {
                        // It has closed by itself.
                        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                        outcome => outcome,
                    }
                }
                Some(read) => {
                    connection.touch();
                    let sent = transmit(self.to, &buffer[..read])?;
                    self.rest.extend_from_slice(&buffer[sent..read]);
                    Ok(())
                }
            })?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.rest.len() {
            ready!(self.to.poll_write_ready(cx))?;
            self.written += transmit(self.to, &self.rest[self.written..])?;
        }
        self.rest = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

/// Reads what there is; `None` if there is nothing.
fn receive(from: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let mut read = None;
    let outcome = from.try_io(Interest::READABLE, || {
        let bytes = recv(from.as_raw_fd(), buffer, MsgFlags::empty())?;
        read = Some(bytes);
        if bytes > 0 && bytes < buffer.len() {
            // Nothing is left: told so, tokio waits for the next event, instead of a read that would
            // find nothing.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(read),
    }
}

/// Writes what the socket takes at once.
fn transmit(to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let outcome = to.try_io(Interest::WRITABLE, || {
        Ok(send(to.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
    });
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}
