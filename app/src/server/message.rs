//! The commands that the main thread and the accepting worker send to a worker.

use std::net::{SocketAddr, TcpStream};

use tokio::sync::oneshot;

/// A command to a worker.
pub(super) enum Message {
    /// Serve this connection.
    Connection(TcpStream, SocketAddr),
    /// Accept no more; answered when the listener is closed. Only for the worker that accepts.
    CloseListener(oneshot::Sender<()>),
    /// Close idle connections, now and from now on.
    CloseIdle,
    /// Close all connections; answered with how many were busy.
    Cut(oneshot::Sender<u64>),
    /// Stop the thread.
    Stop,
}
