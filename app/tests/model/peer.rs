//! Clients of the service, each of which knows which responses it is owed.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::request::{Expected, Request};

/// Clients at the same time.
pub(crate) const CLIENTS: usize = 4;

/// A response that takes longer is considered lost.
const HANG_LIMIT: Duration = Duration::from_mins(1);

/// The service under test.
pub(crate) trait Service {
    /// Where the next client connects.
    fn address(&self) -> SocketAddr;

    /// Stops the service, lets `during` happen, and continues the service. Returns for how long it did
    /// not run at least.
    fn freeze(&self, during: &mut dyn FnMut()) -> Duration;

    /// A client that is not late for this long is never closed, nor is its request refused.
    fn deadline(&self) -> Duration;
}

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A client has one more request to send.
    Ask(usize, Request),
    /// A client sends this many bytes of what it has to send, as far as it can.
    Send(usize, usize),
    /// A client reads what is available.
    Receive(usize),
    /// The process is stopped while a client sends all it can.
    Freeze(usize),
    /// No client does anything for this long.
    Stall(Duration),
}

/// One connection, and what the model predicts for it.
struct Peer {
    stream: TcpStream,
    unsent: VecDeque<u8>,
    received: Vec<u8>,
    owed: VecDeque<Expected>,
    /// Nothing more is requested: the last response closes the connection.
    last_is_asked: bool,
    has_asked: bool,
    ended: bool,
    /// Since when the service may have been waiting for this client, which owes it something or has
    /// something to read. The time that the service did not run is added.
    waiting_since: Option<Instant>,
    deadline: Duration,
}

impl Peer {
    fn new(service: &impl Service) -> Self {
        // Its first head is waited for from now on.
        let begun = Instant::now();
        let stream = TcpStream::connect(service.address()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unsent: VecDeque::new(),
            received: Vec::new(),
            owed: VecDeque::new(),
            last_is_asked: false,
            has_asked: false,
            ended: false,
            waiting_since: Some(begun),
            deadline: service.deadline(),
        }
    }

    /// Whether the service may close the connection: it is waiting for this client, and has been for
    /// long enough.
    fn may_be_late(&self) -> bool {
        let waited = self.waiting_since.map(|since| since.elapsed());
        waited.is_some_and(|waited| waited >= self.deadline)
    }

    /// The connection was closed, or is about to be.
    fn end(&mut self) {
        self.ended = true;
        if self.may_be_late() {
            self.unsent.clear();
            self.owed.clear();
            self.received.clear();
            self.last_is_asked = true;
        }
    }

    /// The connection failed, as it may if the client was late.
    fn fail(&mut self, error: &std::io::Error) {
        let is_late = self.may_be_late();
        assert!(is_late, "{error} with {:?} owed", self.owed);
        self.end();
    }

    fn ask(&mut self, request: &Request) {
        if !self.last_is_asked {
            self.has_asked = true;
            self.unsent.extend(request.bytes());
            let response = request.response();
            self.last_is_asked = response.closes;
            self.owed.push_back(response);
        }
    }

    fn send(&mut self, most: usize) {
        let mut left = most.min(self.unsent.len());
        if left > 0 && self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
        }
        while left > 0 && !self.ended {
            let (bytes, _) = self.unsent.as_slices();
            let bytes = &bytes[..left.min(bytes.len())];
            match self.stream.write(bytes) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    left -= count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.fail(&error),
            }
        }
    }

    fn receive(&mut self) {
        let mut buffer = vec![0; 65536];
        while !self.ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.end();
                    break;
                }
                Ok(count) => self.received.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        while self.take_response() {}
        if self.unsent.is_empty() && self.owed.is_empty() && self.has_asked {
            self.waiting_since = None;
        }
        assert!(
            !self.ended || (self.owed.is_empty() && self.last_is_asked),
            "closed with {:?} owed",
            self.owed
        );
    }

    /// Compares one response with the model's, once all of it has arrived.
    fn take_response(&mut self) -> bool {
        let Some(end) = self
            .received
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
        else {
            return false;
        };
        let head = String::from_utf8(self.received[..end].to_vec()).unwrap();
        let owed = self
            .owed
            .front()
            .expect("each response belongs to a request");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let length = if matches!(owed.request, Request::Head) {
            0
        } else {
            length
        };
        if self.received.len() < end + 4 + length {
            return false;
        }
        let response: Vec<u8> = self.received.drain(..end + 4 + length).collect();
        let body = std::str::from_utf8(&response[end + 4..]).unwrap();
        let owed = self.owed.pop_front().unwrap();
        let status = format!("HTTP/1.1 {} ", owed.status);
        if head.starts_with("HTTP/1.1 408 ") && self.may_be_late() {
            self.end();
            return false;
        }
        assert!(head.starts_with(&status), "{:?}: {head}", owed.request);
        let closes = head.lines().any(|line| line == "connection: close");
        assert_eq!(closes, owed.closes, "{:?}: {head}", owed.request);
        if let Some(expected) = owed.body {
            assert!(body == expected, "{:?} has another body", owed.request);
        }
        true
    }

    fn is_done(&self) -> bool {
        self.unsent.is_empty() && self.owed.is_empty() && self.ended == self.last_is_asked
    }
}

/// Has clients of `service` take these steps, and then finish.
pub(crate) fn play(service: &impl Service, steps: &[Step]) {
    let mut peers: Vec<_> = (0..CLIENTS).map(|_| Peer::new(service)).collect();
    for step in steps {
        match step {
            Step::Ask(client, request) => peers[*client].ask(request),
            Step::Send(client, count) => peers[*client].send(*count),
            Step::Receive(client) => peers[*client].receive(),
            Step::Freeze(client) => {
                let stopped = service.freeze(&mut || peers[*client].send(usize::MAX));
                let now = Instant::now();
                for peer in &mut peers {
                    let since = peer.waiting_since;
                    peer.waiting_since = since.map(|since| now.min(since + stopped));
                }
            }
            Step::Stall(time) => std::thread::sleep(*time),
        }
    }
    let begun = Instant::now();
    while !peers.iter().all(Peer::is_done) {
        for peer in &mut peers {
            peer.send(usize::MAX);
            peer.receive();
        }
        let owed: Vec<_> = peers.iter().map(|peer| &peer.owed).collect();
        assert!(begun.elapsed() < HANG_LIMIT, "never answered: {owed:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
