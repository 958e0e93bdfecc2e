//! The commands that the main thread and the accepting worker send to a worker.

use std::net::{SocketAddr, TcpStream};

use tokio::sync::oneshot;

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// The connection limit is reached: only probes are answered on it.
    pub(super) probes_only: bool,
}

/// A command to a worker.
pub(super) enum Message {
    /// Serve this connection.
    Connection(Accepted),
    /// Close the connections that have been idle for longest.
    MakeRoom,
    /// Stop accepting, and report when the listener is closed. Only for the worker that accepts.
    CloseListener(oneshot::Sender<()>),
    /// Close idle connections, now and from now on.
    CloseIdle,
    /// Close all connections, and report how many were busy.
    Cut(oneshot::Sender<u64>),
    /// Stop the thread.
    Stop,
}
