//! One connection of a client, and its request in flight.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::Reason;
use crate::response::{self, Head, Parsed};

/// The initial size of the read buffer; most responses fit.
const BUFFER_BYTES: usize = 4096;

/// The result of handling a readiness event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No progress yet.
    Waiting,
    /// The first half of the head is written; the second waits until the pause is over.
    Paused,
    /// The response is complete. `reusable`: the connection can carry another request.
    Answered {
        reusable: bool,
        close_requested: bool,
    },
    /// The request failed.
    Failed(Reason),
    /// The server closed the connection while no request was in flight.
    ClosedIdle,
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    /// When it was due.
    pub(super) due: Instant,
    /// When it was sent.
    pub(super) sent: Instant,
    written: usize,
    /// How many of its bytes may be written for now.
    allowed: usize,
    /// Its pause has begun.
    pausing: bool,
}

/// A connection and its buffer.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    exchange: Option<Exchange>,
    /// It has carried a response before.
    pub(super) reused: bool,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Starts to connect; its events carry `token`.
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

    /// The request in flight.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        self.exchange
    }

    /// Starts a request, of which `allowed` bytes may be sent now.
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

    /// Allows the rest of the request to be sent.
    pub(super) fn resume(&mut self, request: &[u8]) {
        if let Some(exchange) = &mut self.exchange {
            exchange.allowed = request.len();
        }
    }

    /// Writes the part of the request that may be sent.
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

    /// Reads what is available. `closing`: the server is known to have closed its side.
    pub(super) fn read(&mut self, body: Option<&[u8]>, closing: bool) -> Step {
        loop {
            if self.filled == self.buffer.len() {
                if self.filled >= response::MAX_RESPONSE_BYTES {
                    return self.lost(Reason::Malformed("the response is too large"));
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
                return Step::ClosedIdle; // An unsolicited response, such as 408: the connection cannot be reused.
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
            Step::Failed(Reason::Malformed("bytes after the response"))
        } else {
            self.exchange = None;
            self.reused = true;
            Step::Answered {
                reusable: !head.close && !closing,
                close_requested: head.close,
            }
        }
    }

    /// The connection is gone, which is a failure if a request was in flight.
    fn lost(&self, reason: Reason) -> Step {
        if self.exchange.is_some() {
            Step::Failed(reason)
        } else {
            Step::ClosedIdle
        }
    }
}

/// Classifies a socket error.
pub(super) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        ErrorKind::ConnectionRefused => Reason::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Reason::Reset,
        kind => Reason::Socket(kind),
    }
}
