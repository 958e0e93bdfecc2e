//! A client's connection until a pod has taken it: each ready pod is tried, and if all refuse or there
//! are none, the next change is waited for.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::attempts::Attempts;
use super::limit;
use super::poll::Ready;
use super::pool;
use super::relay::{Direction, Relay, Unused};
use super::socket::{is_exhausted, receive, reset_on_drop, start_connect, transmit};
use super::stats::Stats;

/// A pod on this machine answers a SYN in microseconds; one that does not in a second is stuck.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How an attempt to reach a pod ended.
pub(super) enum Outcome {
    /// A pod was asked; its answer is an event.
    Asked,
    /// A pod has taken the connection.
    Taken,
    /// No pod is left to try.
    NoPod,
    /// This process has no file descriptor or port left.
    Exhausted(io::Error),
}

/// A connection that no pod has taken yet.
pub(super) struct Opening {
    client: TcpStream,
    place: limit::Place,
    /// What the client has sent so far.
    early: Direction,
    attempts: Attempts,
    attempt: Option<Attempt>,
}

/// A connection to a pod under way.
struct Attempt {
    pod: TcpStream,
    target: pool::Place,
    since: Instant,
}

impl Opening {
    /// Reads what the client has sent already: most send a request at once.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) fn new(
        client: TcpStream,
        place: limit::Place,
        attempts: Attempts,
        buffer: &mut [u8],
    ) -> io::Result<Self> {
        let early = match receive(&client, buffer)? {
            None => Direction::default(),
            // Whatever is left, the end included, is the first event once it is watched.
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

    /// A connection whose pod gave it up before anything had passed.
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
        attempts.failed(target.target().address);
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

    /// The connection to the pod that was asked.
    pub(super) fn pod(&self) -> Option<&TcpStream> {
        self.attempt.as_ref().map(|attempt| &attempt.pod)
    }

    /// It still waits for the answer of the pod that was asked then.
    pub(super) fn has_waited_since(&self, asked: Instant) -> bool {
        let attempt = self.attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.since == asked)
    }

    /// Asks the next pod.
    pub(super) fn try_next(&mut self, stats: &Stats, now: Instant) -> Outcome {
        if let Some(failed) = self.attempt.take() {
            Stats::count(&stats.retried);
            self.attempts.failed(failed.target.target().address);
        }
        while let Some(target) = self.attempts.next() {
            let address = target.target().address;
            match start_connect(address) {
                Ok(pod) => {
                    // On one machine the handshake is over by now, or was refused.
                    let rest = self.early.rest();
                    let sent = if rest.is_empty() {
                        Ok(0)
                    } else {
                        transmit(&pod, rest)
                    };
                    if let Ok(sent) = sent {
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
                }
                Err(error) if is_exhausted(&error) => return Outcome::Exhausted(error),
                Err(_) => {}
            }
            Stats::count(&stats.retried);
            self.attempts.failed(address);
        }
        self.attempts.exhausted(now);
        Outcome::NoPod
    }

    /// It has waited for a pod for as long as a client is held.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.attempt.is_none() && self.attempts.have_expired(now)
    }

    /// What an event of the client says; it is read when a pod has taken the connection.
    pub(super) fn on_client(&mut self, ready: Ready) {
        if ready.end {
            self.early.set_ending();
        }
    }

    /// What the pod's answer is: whether it has taken the connection; `None` if it has not answered.
    pub(super) fn on_pod(&self, ready: Ready) -> Option<bool> {
        self.attempt.as_ref()?;
        if ready.failed {
            return Some(false);
        }
        (ready.write || ready.read).then_some(true)
    }

    /// The connection with the pod that has taken it.
    pub(super) fn taken(self, now: Instant) -> Option<Relay> {
        let Attempt { pod, target, .. } = self.attempt?;
        let registered = self.place.register(self.client, pod, now);
        Some(Relay::new(registered, target, self.attempts, self.early))
    }

    /// Refuses the client: a reset says that nobody was there, where an orderly end would look like an
    /// answer.
    pub(super) fn refuse(self) {
        reset_on_drop(&self.client);
    }
}
