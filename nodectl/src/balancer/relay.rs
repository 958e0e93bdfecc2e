//! Copies bytes between a client and its pod until both have closed.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use super::attempts::Attempts;
use super::limit::Registered;
use super::poll::{Ready, Side};
use super::pool;
use super::socket::{finish, receive, reset_on_drop, transmit};

/// The size of a read. All connections of a thread share one buffer, so an idle one holds none.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// The reads in a row before other connections get their turn.
const READS: usize = 16;

/// The progress of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits for an event.
    Waiting,
    /// It may have more to read, after the others' turn.
    More,
    /// The pod has closed the connection before any byte has passed: it may go to another pod.
    Unused,
    /// Both sides have closed, or one has failed.
    Done,
}

/// A client's connection and its pod's.
pub(super) struct Relay {
    connection: Registered,
    /// Its place at the pod.
    target: pool::Place,
    /// Needed if the pod closes the connection before any byte has passed.
    attempts: Attempts,
    to_pod: Direction,
    to_client: Direction,
}

/// The client's side of a connection whose pod has closed it before any byte has passed.
pub(super) struct Unused {
    pub(super) connection: Registered,
    pub(super) target: pool::Place,
    pub(super) attempts: Attempts,
    /// The bytes that the client has sent so far.
    pub(super) early: Direction,
}

impl Relay {
    /// Relays a connection whose client has sent `early` so far.
    pub(super) fn new(
        connection: Registered,
        target: pool::Place,
        attempts: Attempts,
        early: Direction,
    ) -> Self {
        Self {
            connection,
            target,
            attempts,
            to_pod: early,
            to_client: Direction::default(),
        }
    }

    /// Recovers the client's side after [`Progress::Unused`].
    pub(super) fn into_unused(self) -> Unused {
        Unused {
            connection: self.connection,
            target: self.target,
            attempts: self.attempts,
            early: self.to_pod,
        }
    }

    pub(super) fn stream(&self, side: Side) -> &TcpStream {
        match side {
            Side::Client => &self.connection.pair.client,
            Side::Pod => &self.connection.pair.pod,
        }
    }

    /// Copies what an event of one side allows.
    pub(super) fn on_event(
        &mut self,
        side: Side,
        ready: Ready,
        buffer: &mut [u8],
        now: Instant,
    ) -> Progress {
        match self.copy(side, ready, buffer, now) {
            Ok(progress) => progress,
            // Also from a ready pod: a reset is a refusal, as if it had not accepted the connection.
            Err(Side::Pod) if self.is_unused() => Progress::Unused,
            Err(_) => {
                for stream in [&self.connection.pair.client, &self.connection.pair.pod] {
                    reset_on_drop(stream);
                }
                Progress::Done
            }
        }
    }

    /// Whether no byte has passed in either direction, so that another pod can serve the client.
    fn is_unused(&self) -> bool {
        let unused = |direction: &Direction| !direction.moved && !direction.closed;
        unused(&self.to_pod) && unused(&self.to_client)
    }

    /// # Errors
    /// The side whose connection has failed.
    fn copy(
        &mut self,
        side: Side,
        ready: Ready,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<Progress, Side> {
        let mut progress = Progress::Waiting;
        for from in [side, side.other()] {
            let unused = self.is_unused();
            let (pair, closed) = (&self.connection.pair, self.closed(from.other()));
            let (direction, [reader, writer]) = match from {
                Side::Client => (&mut self.to_pod, [&pair.client, &pair.pod]),
                Side::Pod => (&mut self.to_client, [&pair.pod, &pair.client]),
            };
            if from == side {
                direction.ending |= ready.end;
            }
            let wanted = if from == side {
                ready.read
            } else {
                ready.write && direction.is_blocked()
            };
            if !wanted {
                continue;
            }
            let touch = || self.connection.touch(now);
            let copied = direction
                .copy(reader, writer, buffer, touch)
                .map_err(|failed| match failed {
                    Failed::Reader => from,
                    Failed::Writer => from.other(),
                })?;
            match copied {
                Copied::All => {}
                Copied::TurnIsOver => progress = Progress::More,
                // A ready pod may close silent connections; one that gets no more connections, as when
                // it is being stopped, got this one too late.
                Copied::End
                    if from == Side::Pod
                        && unused
                        && !self.attempts.may_use(self.target.target().address) =>
                {
                    return Ok(Progress::Unused);
                }
                // If the other side has closed too, the sockets are closed next.
                Copied::End if closed => {}
                Copied::End => finish(writer).map_err(|_| from.other())?,
            }
        }
        if self.to_pod.closed && self.to_client.closed {
            progress = Progress::Done;
        }
        Ok(progress)
    }

    /// Whether this side has closed, and the other side was notified.
    fn closed(&self, from: Side) -> bool {
        match from {
            Side::Client => self.to_pod.closed,
            Side::Pod => self.to_client.closed,
        }
    }
}

/// Why a copy stopped.
enum Copied {
    /// There is nothing to read, or no room to write.
    All,
    /// There may be more.
    TurnIsOver,
    /// The sender has sent everything.
    End,
}

/// Which end of a direction has failed.
enum Failed {
    Reader,
    Writer,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Bytes that were read; those from `written` on could not be written yet.
    rest: Vec<u8>,
    written: usize,
    /// Whether any byte was passed on.
    moved: bool,
    /// The sender has closed its side, which no further event reports.
    ending: bool,
    /// The end was read.
    closed: bool,
}

impl Direction {
    /// A direction of which `rest` was read and is still to be written.
    pub(super) fn with_rest(rest: &[u8]) -> Self {
        Self {
            rest: rest.to_vec(),
            ..Self::default()
        }
    }

    /// The bytes that are still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest[self.written..]
    }

    /// Notes that this many of these bytes were written.
    pub(super) fn advance(&mut self, written: usize) {
        self.written += written;
        self.moved |= written > 0;
    }

    /// Notes that the sender has closed its side.
    pub(super) fn set_ending(&mut self) {
        self.ending = true;
    }

    fn is_blocked(&self) -> bool {
        !self.rest.is_empty()
    }

    fn copy(
        &mut self,
        from: &TcpStream,
        to: &TcpStream,
        buffer: &mut [u8],
        touch: impl Fn(),
    ) -> Result<Copied, Failed> {
        for _ in 0..READS {
            if self.closed || !self.write_rest(to).map_err(|_| Failed::Writer)? {
                return Ok(Copied::All);
            }
            match receive(from, buffer).map_err(|_| Failed::Reader)? {
                None => return Ok(Copied::All),
                Some(0) => {
                    self.closed = true;
                    return Ok(Copied::End);
                }
                Some(bytes) => {
                    touch();
                    let sent = transmit(to, &buffer[..bytes]);
                    let passed = *sent.as_ref().unwrap_or(&0);
                    self.moved |= passed > 0;
                    // Kept even after a failure: another pod may get it.
                    self.rest.extend_from_slice(&buffer[passed..bytes]);
                    sent.map_err(|_| Failed::Writer)?;
                    // The socket is empty: more data is another event.
                    if bytes < buffer.len() && !self.ending && !self.is_blocked() {
                        return Ok(Copied::All);
                    }
                }
            }
        }
        Ok(Copied::TurnIsOver)
    }

    /// Returns whether everything is written.
    fn write_rest(&mut self, to: &TcpStream) -> io::Result<bool> {
        while self.written < self.rest.len() {
            match transmit(to, &self.rest[self.written..])? {
                0 => return Ok(false),
                sent => self.advance(sent),
            }
        }
        self.rest = Vec::new();
        self.written = 0;
        Ok(true)
    }
}
