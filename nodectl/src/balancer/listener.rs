//! A listening socket, as one thread uses it.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::accept_with;

use super::pool::Pool;
use super::socket::FLAGS;

/// A thread's listener, and the pods that its connections go to.
pub(super) struct Listener {
    socket: TcpListener,
    pub(super) service: Arc<str>,
    pub(super) pool: Arc<Pool>,
    /// There may be a client to accept.
    pub(super) ready: bool,
    /// An accepted client for which there is no room yet.
    held: Option<TcpStream>,
    /// Nothing is accepted before this time.
    pub(super) rests_until: Option<Instant>,
}

impl Listener {
    pub(super) fn new(socket: TcpListener, service: Arc<str>, pool: Arc<Pool>) -> Self {
        Self {
            socket,
            service,
            pool,
            ready: true,
            held: None,
            rests_until: None,
        }
    }

    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Whether it holds a client for which there is no room.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Holds a client until there is room.
    pub(super) fn hold(&mut self, client: TcpStream) {
        self.held = Some(client);
    }

    /// The next client; `None` if there is none.
    ///
    /// # Errors
    /// As `accept(2)`'s, except those of a client that has disconnected.
    pub(super) fn next(&mut self) -> io::Result<Option<TcpStream>> {
        if let Some(client) = self.held.take() {
            return Ok(Some(client));
        }
        loop {
            match accept_with(&self.socket, FLAGS) {
                Ok(client) => return Ok(Some(TcpStream::from(client))),
                Err(Errno::AGAIN) => {
                    self.ready = false;
                    return Ok(None);
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
