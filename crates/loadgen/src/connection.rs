//! One connection of a client, and the request under way on it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::Reason;
use crate::response::{self, Head, Parsed};

/// Where reading starts; most answers fit.
const BUFFER_BYTES: usize = 4096;

/// What a readiness event led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Waiting,
    /// The first half of the head is written; the second waits for the pause's end.
    Paused,
    /// The answer is complete. `reusable` says whether the connection can carry another request.
    Answered { reusable: bool, told_to_close: bool },
    /// The request got no answer.
    Failed(Reason),
    /// The other side closed, and no request was under way.
    ClosedIdle,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    /// When it should have gone.
    pub(super) due: Instant,
    /// When it went.
    pub(super) sent: Instant,
    written: usize,
    /// How much of it may be written for now.
    allowed: usize,
    /// Its pause has begun.
    pausing: bool,
}

/// A connection and its buffer.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    exchange: Option<Exchange>,
    /// It has carried an answer before.
    pub(super) reused: bool,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Begins to connect, with events under `token`.
    pub(super) fn open(target: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(target)?;
        // Half a head and its rest are two small segments; Nagle's algorithm would hold the second.
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            exchange: None,
            reused: false,
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
        })
    }

    /// The request under way.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        self.exchange
    }

    /// Starts a request, of which `allowed` bytes may go now.
    pub(super) fn start(&mut self, due: Instant, now: Instant, allowed: usize) {
        self.exchange = Some(Exchange {
            due,
            sent: now,
            written: 0,
            allowed,
            pausing: false,
        });
        self.filled = 0;
    }

    /// Lets the rest of the request go.
    pub(super) fn resume(&mut self, request: &[u8]) {
        if let Some(exchange) = &mut self.exchange {
            exchange.allowed = request.len();
        }
    }

    /// Writes what may be written of the request.
    pub(super) fn write(&mut self, request: &[u8]) -> Step {
        let Some(exchange) = &mut self.exchange else {
            return Step::Waiting;
        };
        while exchange.written < exchange.allowed {
            match self
                .stream
                .write(&request[exchange.written..exchange.allowed])
            {
                Ok(count) => exchange.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waiting,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Step::Failed(reason(&error)),
            }
        }
        if exchange.written < request.len() && !exchange.pausing {
            exchange.pausing = true;
            return Step::Paused;
        }
        Step::Waiting
    }

    /// Reads what came. `closing` says that the other side's end is known to have come as well.
    pub(super) fn read(&mut self, body: Option<&[u8]>, closing: bool) -> Step {
        loop {
            if self.filled == self.buffer.len() {
                if self.filled >= response::MAX_ANSWER_BYTES {
                    return self.lost(Reason::Malformed("the answer is too large"));
                }
                self.buffer.resize(self.filled * 2, 0);
            }
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return self.lost(Reason::Closed),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waiting,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.lost(reason(&error)),
            }
            if self.exchange.is_none() {
                return Step::ClosedIdle; // An answer nobody asked for, such as 408: not to be used.
            }
            match response::parse(&self.buffer[..self.filled]) {
                Parsed::Incomplete => {}
                Parsed::Malformed(what) => return Step::Failed(Reason::Malformed(what)),
                Parsed::Complete(head) => return self.judge(head, body, closing),
            }
        }
    }

    fn judge(&mut self, head: Head, body: Option<&[u8]>, closing: bool) -> Step {
        let got = &self.buffer[head.body..head.end];
        if head.status != 200 {
            Step::Failed(Reason::Status(head.status))
        } else if body.is_some_and(|body| body != got) {
            Step::Failed(Reason::Body)
        } else if self.filled != head.end {
            Step::Failed(Reason::Malformed("bytes after the answer"))
        } else {
            self.exchange = None;
            self.reused = true;
            Step::Answered {
                reusable: !head.close && !closing,
                told_to_close: head.close,
            }
        }
    }

    /// The connection is gone: a failure when a request was under way.
    fn lost(&self, reason: Reason) -> Step {
        if self.exchange.is_some() {
            Step::Failed(reason)
        } else {
            Step::ClosedIdle
        }
    }
}

/// Sorts an error of the socket.
pub(super) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        ErrorKind::ConnectionRefused => Reason::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Reason::Reset,
        kind => Reason::Socket(kind),
    }
}
