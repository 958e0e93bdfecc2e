//! A connection's socket, with the bytes that were read from it and not passed on.

use std::rc::Rc;

use socket2::SockRef;

use crate::edge::conn::Conn;
use crate::edge::memory::LARGE_BUFFER_BYTES;
use crate::edge::socket::Socket;
use crate::edge::watch::Watch;
use crate::edge::window;

/// A connection's socket.
pub(crate) struct EdgeStream {
    /// Gone once it was given to [`linger`](crate::edge::linger).
    pub(super) socket: Socket,
    /// Bytes that were read and not passed on: those of a next request, or those that turned out not to be
    /// a PROXY header or a plain request. As long as there are any, nothing is read from the socket.
    pub(super) held: Vec<u8>,
    pub(super) conn: Rc<Conn>,
    pub(super) watch: Rc<Watch>,
    pub(super) key: usize,
    /// The part of the stream's own response that the send buffer had no room for, if there was one. The
    /// connection lingers until that is sent: a reset could overtake the response.
    pub(super) early_answer: Option<Vec<u8>>,
}

impl EdgeStream {
    pub(crate) fn new(socket: Socket, conn: Rc<Conn>, watch: Rc<Watch>) -> Self {
        let key = watch.insert(Rc::clone(&conn));
        Self {
            socket,
            held: Vec::new(),
            conn,
            watch,
            key,
            early_answer: None,
        }
    }

    pub(crate) fn conn(&self) -> &Rc<Conn> {
        &self.conn
    }

    /// Keeps bytes that were read as a PROXY header but are not one: the next read returns them first.
    pub(crate) fn hold(&mut self, bytes: Vec<u8>) {
        self.conn.hold(!bytes.is_empty());
        self.held = bytes;
    }

    /// Takes back the bytes that were read last: the next read returns them first.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.conn.on_put_back();
        self.held.splice(..0, bytes.iter().copied());
        self.conn.hold(true);
    }

    /// Clears the mark of an overdue connection if the bytes that it was overdue for were read or written.
    pub(super) fn reconsider(&self) {
        if self.conn.is_overdue() && self.watch.overdue(&self.conn).is_none() {
            self.conn.clear_overdue();
            self.watch.keep(&self.conn);
        }
    }

    /// Enlarges the socket's buffers, so that they do not limit the rate of a large body.
    pub(super) fn enlarge_buffers(&self) {
        if let Some(descriptor) = self.socket.descriptor() {
            let socket = SockRef::from(&descriptor);
            // If one fails, the body is transferred more slowly.
            let _ = socket.set_recv_buffer_size(LARGE_BUFFER_BYTES);
            let _ = socket.set_send_buffer_size(LARGE_BUFFER_BYTES);
            let _ = window::raise_limit(descriptor, LARGE_BUFFER_BYTES);
        }
    }
}
