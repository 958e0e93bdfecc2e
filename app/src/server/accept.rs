//! Accepting: the first worker does it for all, and gives each connection to the one with the fewest.
//!
//! One accepts, because a listener per worker (`SO_REUSEPORT`) loses what waits in its queue when it
//! is closed, and a listener that all wait for wakes all of them for each connection. A single
//! worker hands nothing over at all.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::serve::Server;
use super::thread::Message;
use crate::edge::canned::Canned;
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
                Ok((stream, peer)) => self.place(&server, stream, peer),
                Err(error) => self.rest(&error).await,
            }
        }
        // Ready until the queue is empty.
        loop {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(match self.listener.poll_accept(context) {
                    std::task::Poll::Ready(Ok(accepted)) => Some(accepted),
                    _ => None,
                })
            });
            match polled.await {
                Some((stream, peer)) => self.place(&server, stream, peer),
                None => return,
            }
        }
    }

    async fn rest(&self, error: &std::io::Error) {
        // A client that gave up before it was accepted is none of our business (accept(2)).
        if error.kind() != std::io::ErrorKind::ConnectionAborted {
            tracing::error!(%error, "cannot accept");
            tokio::time::sleep(REST).await;
        }
    }

    fn place(&self, server: &Rc<Server>, stream: tokio::net::TcpStream, peer: SocketAddr) {
        let shared = &server.worker.shared;
        let limit = shared.settings.limits.connections;
        if shared.connections.load(Ordering::SeqCst) >= limit {
            refuse(server, stream);
            return;
        }
        // It fails only for a socket that is gone.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let index = shared.least_loaded();
        shared.assigned[index].fetch_add(1, Ordering::Relaxed);
        if index == 0 {
            server.spawn(stream, peer);
        } else if let Err(unsent) = self.workers[index].send(Message::Connection(stream, peer)) {
            undo(server, index, unsent.0);
        }
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
fn refuse(server: &Server, stream: tokio::net::TcpStream) {
    server.worker.counters.canned(Canned::Full);
    let (answer, _) = Canned::Full.render();
    // A fresh socket takes it whole.
    if stream.try_write(answer.as_bytes()).is_ok() {
        server.watch.linger(linger::close(stream));
    }
}
