//! The accept loop: the first worker accepts for all, and gives each connection to the worker with the
//! fewest.
//!
//! One worker accepts, because a listener per worker (`SO_REUSEPORT`) loses its accept queue when it is
//! closed, and a listener that all workers wait for wakes all of them for each connection. Where there
//! is one worker, no connection changes threads.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::accept_errors::AcceptErrors;
use super::connection::Server;
use super::message::{Accepted, Message};
use crate::canned::Canned;
use crate::edge::linger;
use crate::edge::socket::Socket;

/// How long the accept loop pauses after an error, such as no more file descriptors.
const REST: Duration = Duration::from_millis(20);

/// Connections that are accepted before other tasks are polled.
const MOST_AT_ONCE: usize = 32;

/// Connections beyond the limit, on which only probes are answered: the kubelet must not restart a pod
/// because it is full.
pub(super) const PROBES_ONLY: usize = 128;

/// The accept loop.
pub(super) struct Acceptor {
    pub(super) listener: AsyncFd<TcpListener>,
    /// Sends commands to each worker, this one included.
    pub(super) workers: Vec<UnboundedSender<Message>>,
}

impl Acceptor {
    /// Accepts until `closing` resolves, then empties the accept queue and closes the listener. The
    /// kernel refuses later connections; no earlier one is lost.
    pub(super) async fn run(self, server: Rc<Server>, closing: oneshot::Receiver<()>) {
        let mut closing = std::pin::pin!(closing);
        let mut errors = AcceptErrors::new("public");
        loop {
            let ready = tokio::select! {
                biased;
                _ = &mut closing => break,
                ready = self.listener.readable() => ready,
            };
            let failed = match ready {
                Ok(mut ready) => self.accept_some(&mut ready, &server).err(),
                Err(error) => Some(error),
            };
            match failed {
                Some(error) => rest(&error, &mut errors).await,
                // Lets the accepted connections be polled.
                None => tokio::task::yield_now().await,
            }
        }
        // By direct system calls: the runtime would answer from its last call of epoll_wait.
        let Self { listener, workers } = self;
        let listener = listener.into_inner();
        loop {
            match accept(&listener) {
                Ok((stream, peer)) => place(&workers, &server, stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::error!(%error, "cannot empty the accept queue");
                    return;
                }
            }
        }
    }

    /// Accepts up to [`MOST_AT_ONCE`] connections of the accept queue.
    fn accept_some(
        &self,
        ready: &mut AsyncFdReadyGuard<'_, TcpListener>,
        server: &Rc<Server>,
    ) -> io::Result<()> {
        for _ in 0..MOST_AT_ONCE {
            match ready.try_io(|listener| accept(listener.get_ref())) {
                Ok(Ok((stream, peer))) => place(&self.workers, server, stream, peer),
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => break,
            }
        }
        Ok(())
    }
}

/// Accepts a connection with a non-blocking socket: one system call, without registering the socket with
/// epoll.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (stream, peer) = acceptfrom_with(listener, flags)?;
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((stream.into(), SocketAddr::try_from(peer)?))
}

async fn rest(error: &io::Error, errors: &mut AcceptErrors) {
    // A client may have closed its connection before it was accepted (accept(2)).
    if error.kind() != io::ErrorKind::ConnectionAborted {
        errors.log(error, Instant::now());
        tokio::time::sleep(REST).await;
    }
}

/// How a new connection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// Every request is answered.
    All,
    /// The limit is reached and no connection can make room: only probes are answered.
    ProbesOnly,
    /// It is answered with 503 and closed: there is no room even for a probe.
    Refused,
}

/// Decides on a connection when `open` are open, of which `leaving` are about to be closed. `make_room`
/// has another one closed if it can, and returns whether it could.
fn admit(open: usize, leaving: usize, limit: usize, make_room: impl FnOnce() -> bool) -> Admission {
    let staying = open.saturating_sub(leaving);
    if open >= limit + PROBES_ONLY {
        Admission::Refused
    } else if staying < limit || make_room() {
        Admission::All
    } else {
        Admission::ProbesOnly
    }
}

/// Gives a connection to the worker with the fewest connections, or refuses it.
fn place(
    workers: &[UnboundedSender<Message>],
    server: &Rc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let shared = &server.worker.shared;
    let limit = shared.settings.limits.connections;
    let open = shared.connections.load(Ordering::SeqCst);
    let admission = if open < limit {
        Admission::All
    } else {
        let leaving: u64 = shared.counters.iter().map(|each| each.leaving.get()).sum();
        let leaving = usize::try_from(leaving).unwrap_or(usize::MAX);
        admit(open, leaving, limit, || make_room(workers, server))
    };
    if admission == Admission::Refused {
        refuse(server, stream);
        return;
    }
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let index = shared.least_loaded();
    shared.assigned[index].fetch_add(1, Ordering::Relaxed);
    let accepted = Accepted {
        stream,
        peer,
        probes_only: admission == Admission::ProbesOnly,
    };
    if index == 0 {
        server.spawn(accepted);
    } else if let Err(unsent) = workers[index].send(Message::Connection(accepted)) {
        undo(server, index, unsent.0);
    }
}

/// Asks the worker with the longest idle connection to close idle connections. Returns whether there is
/// an idle one.
fn make_room(workers: &[UnboundedSender<Message>], server: &Server) -> bool {
    let oldest = server.worker.shared.counters.iter().enumerate();
    let oldest = oldest
        .map(|(index, counters)| (counters.oldest_idle.get(), index))
        .max();
    match oldest {
        None | Some((0, _)) => false,
        Some((_, 0)) => {
            server.watch.make_room();
            true
        }
        Some((_, index)) => workers[index].send(Message::MakeRoom).is_ok(),
    }
}

/// Serves a connection on this worker if its own is gone.
fn undo(server: &Rc<Server>, index: usize, message: Message) {
    let shared = &server.worker.shared;
    shared.assigned[index].fetch_sub(1, Ordering::Relaxed);
    if let Message::Connection(accepted) = message {
        shared.assigned[0].fetch_add(1, Ordering::Relaxed);
        server.spawn(accepted);
    }
}

/// Responds with 503, and closes the connection.
fn refuse(server: &Server, mut stream: TcpStream) {
    server.worker.counters.canned(Canned::Full);
    let (answer, _) = Canned::Full.render();
    // The send buffer of a new socket has room for all of it.
    if stream.write_all(answer.as_bytes()).is_ok() {
        server
            .watch
            .linger(linger::close(Socket::Fresh(stream), Vec::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_make_room_and_probes_have_their_own() {
        let check = |open, leaving, has_idle, expected| {
            assert_eq!(admit(open, leaving, 10, || has_idle), expected);
        };
        check(9, 0, false, Admission::All);
        check(10, 1, false, Admission::All);
        check(10, 0, true, Admission::All);
        check(10, 0, false, Admission::ProbesOnly);
        check(9 + PROBES_ONLY, 0, false, Admission::ProbesOnly);
        check(10 + PROBES_ONLY, 200, true, Admission::Refused);
    }
}
