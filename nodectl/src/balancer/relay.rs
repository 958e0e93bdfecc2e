//! Copies bytes between a client and its pod until both have closed.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use super::attempts::Attempts;
use super::limit::Registered;
use super::poll::{Ready, Side};
use super::pool;
use super::socket::{finish, receive, reset_on_drop, transmit};

/// What is read at once. All connections of a thread share one buffer, so an idle one holds none.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// Reads in a row before other connections have their turn.
const READS: usize = 16;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits for an event.
    Waiting,
    /// It may have more to read, once others have had their turn.
    More,
    /// The pod has given up the connection before anything has passed: another one may take it.
    Unused,
    /// Both sides have closed, or one has failed.
    Done,
}

/// A client's connection and its pod's.
pub(super) struct Relay {
    connection: Registered,
    /// Its place at the pod.
    target: pool::Place,
    /// For the case that the pod gives the connection up at once.
    attempts: Attempts,
    to_pod: Direction,
    to_client: Direction,
}

/// What is left of a connection whose pod has given it up before anything has passed.
pub(super) struct Unused {
    pub(super) connection: Registered,
    pub(super) target: pool::Place,
    pub(super) attempts: Attempts,
    /// What the client has sent so far.
    pub(super) early: Direction,
}

impl Relay {
    /// Of a connection whose client has sent `early` so far.
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

    /// What is left of it after [`Progress::Unused`].
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
            // Also of a pod that is ready: it refuses the connection as one that refuses to accept it.
            Err(Side::Pod) if self.is_unused() => Progress::Unused,
            Err(_) => {
                for stream in [&self.connection.pair.client, &self.connection.pair.pod] {
                    reset_on_drop(stream);
                }
                Progress::Done
            }
        }
    }

    /// Nothing has passed in either direction, so to the client one pod is as good as another.
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
                // A pod that is ready may close connections that say nothing; one that gets no more
                // connections, as when it is being stopped, got this one too late.
                Copied::End
                    if from == Side::Pod
                        && unused
                        && !self.attempts.may_use(self.target.target().address) =>
                {
                    return Ok(Progress::Unused);
                }
                // Closing the sockets, which is next if the other side has closed too, says it.
                Copied::End if closed => {}
                Copied::End => finish(writer).map_err(|_| from.other())?,
            }
        }
        if self.to_pod.closed && self.to_client.closed {
            progress = Progress::Done;
        }
        Ok(progress)
    }

    /// What this side sends has ended, and that was passed on.
    fn closed(&self, from: Side) -> bool {
        match from {
            Side::Client => self.to_pod.closed,
            Side::Pod => self.to_client.closed,
        }
    }
}

/// How a copy came to a stop.
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

/// One of the two directions of a connection.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// What was read and could not be written yet, from `written` on.
    rest: Vec<u8>,
    written: usize,
    /// Something was passed on.
    moved: bool,
    /// The sender has announced its end, which no further event reports.
    ending: bool,
    /// The end was read.
    closed: bool,
}

impl Direction {
    /// One of which `rest` was read and is still to be written.
    pub(super) fn with_rest(rest: &[u8]) -> Self {
        Self {
            rest: rest.to_vec(),
            ..Self::default()
        }
    }

    /// What is still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest[self.written..]
    }

    /// So much of the rest was written.
    pub(super) fn advance(&mut self, written: usize) {
        self.written += written;
        self.moved |= written > 0;
    }

    /// The sender has announced its end.
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
                    // Kept where it failed, too: another pod may take it.
                    self.rest.extend_from_slice(&buffer[passed..bytes]);
                    sent.map_err(|_| Failed::Writer)?;
                    // The socket is empty: whatever comes next is another event.
                    if bytes < buffer.len() && !self.ending && !self.is_blocked() {
                        return Ok(Copied::All);
                    }
                }
            }
        }
        Ok(Copied::TurnIsOver)
    }

    /// Says whether all is written.
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
