//! A client's connection until a pod has accepted it: each ready pod is tried, and if all refuse or there
//! are none, the next change of the pool is awaited.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempts::{Attempts, Failure};
use super::limit;
use super::poll::Ready;
use super::pool;
use super::ports::Ports;
use super::relay::{Direction, Relay, Unused};
use super::socket::{is_exhausted, receive, reset_on_drop, transmit};
use super::stats::Stats;

/// A pod on this machine answers a SYN in microseconds; one that does not within a second is stuck.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The outcome of an attempt to reach a pod.
pub(super) enum Outcome {
    /// Connecting to a pod; its answer will be an event.
    Asked,
    /// A pod has accepted the connection.
    Taken,
    /// No pod is left to try.
    NoPod,
    /// No port is free for a connection to the pod at this address, and no other pod accepted one.
    OutOfPorts(SocketAddr),
    /// This process has no file descriptor left.
    Exhausted(io::Error),
}

/// A connection that no pod has accepted yet.
pub(super) struct Opening {
    client: TcpStream,
    place: limit::Place,
    /// The bytes that the client has sent so far.
    early: Direction,
    attempts: Attempts,
    attempt: Option<Attempt>,
}

/// A pending connection to a pod.
struct Attempt {
    pod: TcpStream,
    target: pool::Place,
    since: Instant,
}

impl Attempt {
    /// Why it failed, or that it has not been answered.
    fn error(&self) -> io::Error {
        let error = self.pod.take_error().ok().flatten();
        error.unwrap_or_else(|| {
            let secs = CONNECT_TIMEOUT.as_secs();
            io::Error::other(format!("no answer within {secs} s"))
        })
    }
}

impl Opening {
    /// Reads what the client has already sent: most send a request immediately.
    ///
    /// # Errors
    /// When the client has disconnected.
    pub(super) fn new(
        client: TcpStream,
        place: limit::Place,
        attempts: Attempts,
        buffer: &mut [u8],
    ) -> io::Result<Self> {
        let early = match receive(&client, buffer)? {
            None => Direction::default(),
            // Anything more, including the end, is the first event once the socket is watched.
            Some(bytes) => Direction::with_rest(&buffer[..bytes]),
        };
        Ok(Self {
            client,
            place,
            early,
            attempts,
            attempt: None,
        })
    }

    /// Reopens a connection whose pod closed it before any byte had passed.
    ///
    /// # Errors
    /// When this process has no file descriptor left.
    pub(super) fn again(unused: Unused, stats: &Stats) -> io::Result<Self> {
        let Unused {
            connection,
            target,
            mut attempts,
            early,
        } = unused;
        let (client, place) = connection.unregister()?;
        Stats::count(&stats.retried);
        let closed = "it closed the connection before any byte had passed";
        attempts.failed(target.target().address, io::Error::other(closed));
        Ok(Self {
            client,
            place,
            early,
            attempts,
            attempt: None,
        })
    }

    pub(super) fn client(&self) -> &TcpStream {
        &self.client
    }

    /// The pending connection to a pod.
    pub(super) fn pod(&self) -> Option<&TcpStream> {
        self.attempt.as_ref().map(|attempt| &attempt.pod)
    }

    /// Whether it still waits for the pod that it connected to at that time.
    pub(super) fn has_waited_since(&self, asked: Instant) -> bool {
        let attempt = self.attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.since == asked)
    }

    /// Connects to the next pod.
    pub(super) fn try_next(&mut self, stats: &Stats, ports: &mut Ports, now: Instant) -> Outcome {
        if let Some(failed) = self.attempt.take() {
            Stats::count(&stats.retried);
            let address = failed.target.target().address;
            self.attempts.failed(address, failed.error());
        }
        while let Some(target) = self.attempts.next() {
            let address = target.target().address;
            let error = match ports.connect(address, now) {
                Ok(pod) => {
                    // On one machine, the handshake has already succeeded or failed.
                    let rest = self.early.rest();
                    let sent = if rest.is_empty() {
                        Ok(0)
                    } else {
                        transmit(&pod, rest)
                    };
                    match sent {
                        Ok(sent) => {
                            self.early.advance(sent);
                            self.attempt = Some(Attempt {
                                pod,
                                target,
                                since: now,
                            });
                            return if sent > 0 {
                                Outcome::Taken
                            } else {
                                Outcome::Asked
                            };
                        }
                        Err(error) => error,
                    }
                }
                Err(error) if is_exhausted(&error) => return Outcome::Exhausted(error),
                Err(error) => error,
            };
            Stats::count(&stats.retried);
            self.attempts.failed(address, error);
        }
        if let Some(address) = self.attempts.out_of_ports() {
            return Outcome::OutOfPorts(address);
        }
        self.attempts.exhausted(now);
        Outcome::NoPod
    }

    /// Whether it has waited for a pod for as long as a client is held.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.attempt.is_none() && self.attempts.have_expired(now)
    }

    /// Notes an event of the client, whose bytes are read once a pod has accepted the connection.
    pub(super) fn on_client(&mut self, ready: Ready) {
        if ready.end {
            self.early.set_ending();
        }
    }

    /// Whether the pod has accepted the connection; `None` if it has not answered.
    pub(super) fn on_pod(&self, ready: Ready) -> Option<bool> {
        self.attempt.as_ref()?;
        if ready.failed {
            return Some(false);
        }
        (ready.write || ready.read).then_some(true)
    }

    /// Turns it into a relay to the pod that has accepted it.
    pub(super) fn taken(self, now: Instant) -> Option<Relay> {
        let Attempt { pod, target, .. } = self.attempt?;
        let registered = self.place.register(self.client, pod, now);
        Some(Relay::new(registered, target, self.attempts, self.early))
    }

    /// Refuses the client with a reset, since an orderly close would look like a response. Returns the
    /// Service, and the last failed attempt to reach one of its pods.
    pub(super) fn refuse(self) -> (Arc<str>, Option<Failure>) {
        reset_on_drop(&self.client);
        self.attempts.into_failure()
    }
}
