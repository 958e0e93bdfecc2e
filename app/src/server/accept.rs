//! Accepting: the first worker does it for all, and gives each connection to the one with the fewest.
//!
//! One accepts, because a listener per worker (`SO_REUSEPORT`) loses what waits in its queue when it
//! is closed, and a listener that all wait for wakes all of them for each connection. A single
//! worker hands nothing over at all.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::connection::Server;
use super::message::Message;
use crate::canned::Canned;
use crate::edge::linger;

/// How long accepting rests when there are no more file descriptors.
const REST: Duration = Duration::from_millis(20);

/// What the accepting worker has.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    /// The way to each worker, this one included.
    pub(super) workers: Vec<UnboundedSender<Message>>,
}

impl Acceptor {
    /// Accepts until `closing` resolves, then takes what still waits in the queue, and closes the
    /// listener. Whoever connects from then on is refused, and nobody who was not is lost.
    pub(super) async fn run(self, server: Rc<Server>, closing: oneshot::Receiver<()>) {
        let mut closing = std::pin::pin!(closing);
        loop {
            let accepted = tokio::select! {
                biased;
                _ = &mut closing => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // It fails only for a socket that is gone.
                    if let Ok(stream) = stream.into_std() {
                        place(&self.workers, &server, stream, peer);
                    }
                }
                Err(error) => rest(&error).await,
            }
        }
        // Asked of the kernel itself: tokio would answer from what its last look at epoll told.
        let Self { listener, workers } = self;
        let Ok(listener) = listener.into_std() else {
            return;
        };
        loop {
            match listener.accept() {
                Ok((stream, peer)) => place(&workers, &server, stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::error!(%error, "the listener's queue cannot be emptied");
                    return;
                }
            }
        }
    }
}

async fn rest(error: &io::Error) {
    // A client that gave up before it was accepted is none of our business (accept(2)).
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tracing::error!(%error, "cannot accept");
        tokio::time::sleep(REST).await;
    }
}

/// Gives a connection to the worker with the fewest, or refuses it.
fn place(
    workers: &[UnboundedSender<Message>],
    server: &Rc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // It fails only for a socket that is gone.
    if stream.set_nonblocking(true).is_err() {
        return;
    }
    let shared = &server.worker.shared;
    let limit = shared.settings.limits.connections;
    if shared.connections.load(Ordering::SeqCst) >= limit {
        refuse(server, stream);
        return;
    }
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let index = shared.least_loaded();
    shared.assigned[index].fetch_add(1, Ordering::Relaxed);
    if index == 0 {
        server.spawn(stream, peer);
    } else if let Err(unsent) = workers[index].send(Message::Connection(stream, peer)) {
        undo(server, index, unsent.0);
    }
}

/// A worker that is gone cannot serve; this one can.
fn undo(server: &Rc<Server>, index: usize, message: Message) {
    let shared = &server.worker.shared;
    shared.assigned[index].fetch_sub(1, Ordering::Relaxed);
    if let Message::Connection(stream, peer) = message {
        shared.assigned[0].fetch_add(1, Ordering::Relaxed);
        server.spawn(stream, peer);
    }
}

/// Answers a connection too many, and closes it.
fn refuse(server: &Server, mut stream: TcpStream) {
    server.worker.counters.canned(Canned::Full);
    let (answer, _) = Canned::Full.render();
    // A fresh socket takes it whole.
    if stream.write_all(answer.as_bytes()).is_ok()
        && let Ok(stream) = tokio::net::TcpStream::from_std(stream)
    {
        server.watch.linger(linger::close(stream));
    }
}
