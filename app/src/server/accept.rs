//! Accepting: the first worker does it for all, and gives each connection to the one with the fewest.
//!
//! One accepts, because a listener per worker (`SO_REUSEPORT`) loses what waits in its queue when it
//! is closed, and a listener that all wait for wakes all of them for each connection. A single
//! worker hands nothing over at all.

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

/// How long accepting rests when there are no more file descriptors.
const REST: Duration = Duration::from_millis(20);

/// Connections that are accepted before others have their turn.
const MOST_AT_ONCE: usize = 32;

/// Connections beyond the limit, on which nothing but probes is answered: a pod that is full is not a
/// pod to be restarted.
pub(super) const PROBES_ONLY: usize = 128;

/// What the accepting worker has.
pub(super) struct Acceptor {
    pub(super) listener: AsyncFd<TcpListener>,
    /// The way to each worker, this one included.
    pub(super) workers: Vec<UnboundedSender<Message>>,
}

impl Acceptor {
    /// Accepts until `closing` resolves, then takes what still waits in the queue, and closes the
    /// listener. Whoever connects from then on is refused, and nobody who was not is lost.
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
                // Those that were accepted have their turn.
                None => tokio::task::yield_now().await,
            }
        }
        // Asked of the kernel itself: the runtime would answer from its last look at epoll.
        let Self { listener, workers } = self;
        let listener = listener.into_inner();
        loop {
            match accept(&listener) {
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

    /// Accepts what waits, up to [`MOST_AT_ONCE`].
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

/// Accepts a connection whose socket does not block: one system call, and the runtime does not watch
/// it yet.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (stream, peer) = acceptfrom_with(listener, flags)?;
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((stream.into(), SocketAddr::try_from(peer)?))
}

async fn rest(error: &io::Error, errors: &mut AcceptErrors) {
    // A client that gave up before it was accepted is none of our business (accept(2)).
    if error.kind() != io::ErrorKind::ConnectionAborted {
        errors.log(error, Instant::now());
        tokio::time::sleep(REST).await;
    }
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// It is served.
    All,
    /// It is one too many, and none can make room: only probes are answered.
    ProbesOnly,
    /// There is no room even for a probe.
    Refused,
}

/// Decides on a connection, with so many open and so many of them about to make room. `make_room`
/// returns whether one will.
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

/// Gives a connection to the worker with the fewest, or refuses it.
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

/// Has the worker close idle connections that has the one that was idle for longest. Returns whether
/// there is any.
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

/// A worker that is gone cannot serve; this one can.
fn undo(server: &Rc<Server>, index: usize, message: Message) {
    let shared = &server.worker.shared;
    shared.assigned[index].fetch_sub(1, Ordering::Relaxed);
    if let Message::Connection(accepted) = message {
        shared.assigned[0].fetch_add(1, Ordering::Relaxed);
        server.spawn(accepted);
    }
}

/// Answers a connection too many, and closes it.
fn refuse(server: &Server, mut stream: TcpStream) {
    server.worker.counters.canned(Canned::Full);
    let (answer, _) = Canned::Full.render();
    // A fresh socket takes it whole.
    if stream.write_all(answer.as_bytes()).is_ok() {
        server.watch.linger(linger::close(Socket::Fresh(stream)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_make_room_and_probes_have_some() {
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
