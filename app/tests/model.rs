//! Several connections at once, whose clients send in pieces, stall, read late and freeze the process:
//! each gets the answers that a plain model foretells, in order, and no client changes another's.

#![allow(clippy::unwrap_used, reason = "a test ends where something fails")]

mod common;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{App, HANG_LIMIT, signal};
use proptest::prelude::*;

/// What a client asks for.
#[derive(Clone, Debug)]
enum Request {
    Greeting,
    Head,
    Info,
    Nothing,
    WrongMethod,
    /// A body of so many bytes, sent back.
    Echo(usize),
    /// The same in chunks.
    Chunks(usize),
    /// The rest closes the connection.
    Last,
    Hop,
    UnreadBody,
    Malformed,
    InvalidHost,
}

impl Request {
    fn bytes(&self) -> Vec<u8> {
        let plain = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nhost: x\r\n{more}\r\n");
        let text = match self {
            Self::Greeting => plain("GET /", ""),
            Self::Head => plain("HEAD /", ""),
            Self::Info => plain("GET /info", ""),
            Self::Nothing => plain("GET /nothing", ""),
            Self::WrongMethod => plain("DELETE /", ""),
            Self::Last => plain("GET /", "connection: close\r\n"),
            Self::Hop => plain("GET /hop", ""),
            Self::UnreadBody => plain("GET /", "content-length: 4\r\n") + "body",
            Self::Malformed => "GET /x: \r\n\r\n".to_owned(),
            Self::InvalidHost => "GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned(),
            Self::Echo(length) => {
                let length = format!("content-length: {length}\r\n");
                plain("POST /echo", &length) + &self.body()
            }
            Self::Chunks(_) => {
                let body = self.body();
                let chunks = body.as_bytes().chunks(5000).map(|chunk| {
                    let data = std::str::from_utf8(chunk).unwrap();
                    format!("{:x}\r\n{data}\r\n", chunk.len())
                });
                let chunks: String = chunks.collect();
                plain("POST /echo", "transfer-encoding: chunked\r\n") + &chunks + "0\r\n\r\n"
            }
        };
        text.into_bytes()
    }

    /// A body that is different at each place.
    fn body(&self) -> String {
        let (Self::Echo(length) | Self::Chunks(length)) = self else {
            return String::new();
        };
        let numbers: Vec<_> = (0..=length / 8)
            .map(|index| format!("{index:08}"))
            .collect();
        let mut body = numbers.concat();
        body.truncate(*length);
        body
    }

    /// The model: status, body where it is known, and whether the connection is closed.
    fn answer(&self) -> Expected {
        let (status, body, closes) = match self {
            Self::Greeting => (
                200,
                Some("Hello from Rust on Kubernetes!\n".to_owned()),
                false,
            ),
            Self::Head => (200, Some(String::new()), false),
            Self::Info => (200, None, false),
            Self::Nothing => (404, None, false),
            Self::WrongMethod => (405, None, false),
            Self::Echo(_) | Self::Chunks(_) => (200, Some(self.body()), false),
            Self::Last => (
                200,
                Some("Hello from Rust on Kubernetes!\n".to_owned()),
                true,
            ),
            Self::Hop | Self::UnreadBody => (200, None, true),
            Self::Malformed | Self::InvalidHost => (400, None, true),
        };
        Expected {
            request: self.clone(),
            status,
            body,
            closes,
        }
    }
}

#[derive(Debug)]
struct Expected {
    request: Request,
    status: u16,
    body: Option<String>,
    closes: bool,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A client has one more request to send.
    Ask(usize, Request),
    /// A client sends so much of what it has to send, as far as it can.
    Send(usize, usize),
    /// A client reads what there is.
    Receive(usize),
    /// The process is stopped while a client sends all it can.
    Freeze(usize),
}

const CLIENTS: usize = 4;

fn request() -> impl Strategy<Value = Request> {
    let size = prop_oneof![
        0..100_usize,
        8_000..8_400_usize,
        32_300..33_000_usize,
        Just(100_000_usize),
        Just(400_000_usize),
    ];
    prop_oneof![
        4 => Just(Request::Greeting),
        2 => Just(Request::Head),
        2 => Just(Request::Info),
        1 => Just(Request::Nothing),
        1 => Just(Request::WrongMethod),
        4 => size.clone().prop_map(Request::Echo),
        2 => size.prop_map(Request::Chunks),
        1 => prop::sample::select(vec![
            Request::Last,
            Request::Hop,
            Request::UnreadBody,
            Request::Malformed,
            Request::InvalidHost,
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    let count = prop_oneof![1..60_usize, 1_000..200_000_usize];
    prop_oneof![
        6 => (client.clone(), request()).prop_map(|(client, request)| Step::Ask(client, request)),
        6 => (client.clone(), count).prop_map(|(client, count)| Step::Send(client, count)),
        3 => client.clone().prop_map(Step::Receive),
        1 => client.prop_map(Step::Freeze),
    ]
}

/// One connection, and what the model says of it.
struct Peer {
    stream: TcpStream,
    unsent: VecDeque<u8>,
    received: Vec<u8>,
    owed: VecDeque<Expected>,
    /// Nothing more is asked: the last answer closes the connection.
    last_is_asked: bool,
    ended: bool,
}

impl Peer {
    fn new(app: &App) -> Self {
        let stream = TcpStream::connect(app.public).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unsent: VecDeque::new(),
            received: Vec::new(),
            owed: VecDeque::new(),
            last_is_asked: false,
            ended: false,
        }
    }

    fn ask(&mut self, request: &Request) {
        if !self.last_is_asked {
            self.unsent.extend(request.bytes());
            let answer = request.answer();
            self.last_is_asked = answer.closes;
            self.owed.push_back(answer);
        }
    }

    fn send(&mut self, most: usize) {
        let mut left = most.min(self.unsent.len());
        while left > 0 && !self.ended {
            let (bytes, _) = self.unsent.as_slices();
            let bytes = &bytes[..left.min(bytes.len())];
            match self.stream.write(bytes) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    left -= count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error} with {:?} owed", self.owed),
            }
        }
    }

    fn receive(&mut self) {
        let mut buffer = vec![0; 65536];
        while !self.ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => self.received.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error} with {:?} owed", self.owed),
            }
        }
        while self.take_answer() {}
        assert!(
            !self.ended || (self.owed.is_empty() && self.last_is_asked),
            "closed with {:?} owed",
            self.owed
        );
    }

    /// Compares one answer with the model's, where all of it is here.
    fn take_answer(&mut self) -> bool {
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
            .expect("nothing is answered that was not asked");
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
        let answer: Vec<u8> = self.received.drain(..end + 4 + length).collect();
        let body = std::str::from_utf8(&answer[end + 4..]).unwrap();
        let owed = self.owed.pop_front().unwrap();
        let status = format!("HTTP/1.1 {} ", owed.status);
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

fn play(app: &App, steps: &[Step]) {
    let mut peers: Vec<_> = (0..CLIENTS).map(|_| Peer::new(app)).collect();
    for step in steps {
        match step {
            Step::Ask(client, request) => peers[*client].ask(request),
            Step::Send(client, count) => peers[*client].send(*count),
            Step::Receive(client) => peers[*client].receive(),
            Step::Freeze(client) => {
                signal(app.pid(), "STOP");
                peers[*client].send(usize::MAX);
                signal(app.pid(), "CONT");
            }
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

#[test]
fn each_client_gets_what_a_plain_model_foretells() {
    let app = App::start(&[("APP_REQUEST_LOG", "off"), ("APP_ANSWER_TIMEOUT", "60s")]);
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::with_cases(100)
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        play(&app, &steps);
    });
    for reason in ["answer", "body", "first_head", "next_head", "memory"] {
        let name = format!("app_connections_ended_total{{reason=\"{reason}\"}}");
        assert_eq!(app.count(&name), 0, "{name}");
    }
    assert_eq!(app.count("app_requests_in_flight"), 0);
}
