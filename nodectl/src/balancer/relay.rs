//! Copies bytes between a client and its pod until both have closed.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

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
    /// Both sides have closed, or one has failed.
    Done,
}

/// A client's connection and its pod's.
pub(super) struct Relay {
    connection: Registered,
    /// Its place at the pod.
    _target: pool::Place,
    to_pod: Direction,
    to_client: Direction,
}

impl Relay {
    /// Of a connection whose client has sent `early` so far.
    pub(super) fn new(connection: Registered, target: pool::Place, early: Direction) -> Self {
        Self {
            connection,
            _target: target,
            to_pod: early,
            to_client: Direction::default(),
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
        let outcome = self.copy(side, ready, buffer, now);
        outcome.unwrap_or_else(|_| {
            for stream in [&self.connection.pair.client, &self.connection.pair.pod] {
                reset_on_drop(stream);
            }
            Progress::Done
        })
    }

    fn copy(
        &mut self,
        side: Side,
        ready: Ready,
        buffer: &mut [u8],
        now: Instant,
    ) -> io::Result<Progress> {
        let mut progress = Progress::Waiting;
        for from in [side, side.other()] {
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
            match direction.copy(reader, writer, closed, buffer, touch)? {
                Copied::All => {}
                Copied::TurnIsOver => progress = Progress::More,
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
}

/// One of the two directions of a connection.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// What was read and could not be written yet, from `written` on.
    rest: Vec<u8>,
    written: usize,
    /// The sender has announced its end, which no further event reports.
    ending: bool,
    /// The end was read and passed on.
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
        other_closed: bool,
        buffer: &mut [u8],
        touch: impl Fn(),
    ) -> io::Result<Copied> {
        for _ in 0..READS {
            if self.closed || !self.write_rest(to)? {
                return Ok(Copied::All);
            }
            match receive(from, buffer)? {
                None => return Ok(Copied::All),
                Some(0) => {
                    self.closed = true;
                    // Closing the sockets, which is next if the other side has closed too, says it.
                    if !other_closed {
                        finish(to)?;
                    }
                    return Ok(Copied::All);
                }
                Some(bytes) => {
                    touch();
                    let sent = transmit(to, &buffer[..bytes])?;
                    self.rest.extend_from_slice(&buffer[sent..bytes]);
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
                sent => self.written += sent,
            }
        }
        self.rest = Vec::new();
        self.written = 0;
        Ok(true)
    }
}
