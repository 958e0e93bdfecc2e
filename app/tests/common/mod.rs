//! The real binary in a sandbox: ports that the kernel chooses, no inherited environment, and killed at the
//! end of the test.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(dead_code, reason = "each test file uses a different part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A limit for tests that hang, far above what a busy machine needs.
pub(crate) const HANG_LIMIT: Duration = Duration::from_mins(2);

/// The binary with these settings and no others.
pub(crate) fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rust-k8s-app"));
    command.env_clear().envs(settings.iter().copied());
    command
}

/// A running service.
pub(crate) struct App {
    child: Child,
    /// The public listener.
    pub(crate) public: SocketAddr,
    /// The admin listener.
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl App {
    /// Starts the service and waits until it is ready.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(command(&[]), settings)
    }

    /// The same with a command of the test's.
    pub(crate) fn start_with(mut command: Command, settings: &[(&str, &str)]) -> Self {
        command.envs([
            ("APP_LISTEN", "127.0.0.1:0"),
            ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
            ("APP_DRAIN_PROFILE", "off"),
            ("APP_POD_NAME", "pod-under-test"),
            ("APP_WORKERS", "2"),
        ]);
        command.envs(settings.iter().copied());
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut app = Self {
            child,
            public: any,
            admin: any,
            log,
            reader: Some(reader),
        };
        app.wait_for_log("\"ready\"");
        let listening = app.wait_for_log("\"listening\"");
        let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
        app.public = listening["public"].as_str().unwrap().parse().unwrap();
        app.admin = listening["admin"].as_str().unwrap().parse().unwrap();
        app
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a log line that contains `part`.
    pub(crate) fn wait_for_log(&self, part: &str) -> String {
        wait(
            &format!("a log line with {part}; there is {:#?}", self.log()),
            || self.log().into_iter().find(|line| line.contains(part)),
        )
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    /// Waits for the process to exit.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = wait("the process to exit", || self.child.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// Opens a connection to the public listener.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.public)
    }

    /// One request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
    }

    /// The request in these bytes, on a connection of its own.
    pub(crate) fn request(&self, request: &str) -> Response {
        let mut client = self.connect();
        client.send(request.as_bytes());
        client.response()
    }

    /// One request to the admin listener.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &str) -> Response {
        let mut client = Client::connect(self.admin);
        let length = body.len();
        client.send(
            format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 content-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        client.response()
    }

    /// The same to the admin listener.
    pub(crate) fn admin_request(&self, request: &str) -> Response {
        let mut client = Client::connect(self.admin);
        client.send(request.as_bytes());
        client.response()
    }

    /// A metric's value as text.
    fn metric(&self, line: &str) -> Option<String> {
        let page = self.admin("GET", "/metrics", "").body;
        let value = page
            .lines()
            .find_map(|each| each.strip_prefix(line)?.strip_prefix(' '))?;
        Some(value.to_owned())
    }

    /// The value of a counter; 0 if there is no such line.
    pub(crate) fn count(&self, line: &str) -> u64 {
        self.metric(line).map_or(0, |value| value.parse().unwrap())
    }

    /// The value of a metric in seconds.
    pub(crate) fn seconds(&self, line: &str) -> f64 {
        self.metric(line).unwrap().parse().unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: u32, name: &str) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let signal = match name {
        "TERM" => rustix::process::Signal::TERM,
        "INT" => rustix::process::Signal::INT,
        "KILL" => rustix::process::Signal::KILL,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        other => panic!("{other}"),
    };
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Polls until there is a result, up to a limit.
pub(crate) fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < HANG_LIMIT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A parsed response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// The head, with lower-case names.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Response {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the response is a problem (RFC 9457) with this status.
    pub(crate) fn assert_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{self:?}"
        );
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

/// A client connection under the test's control.
pub(crate) struct Client {
    /// The socket.
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::connect_from(TcpStream::connect(address).unwrap())
    }

    /// Uses an open connection.
    pub(crate) fn connect_from(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(HANG_LIMIT)).unwrap();
        stream.set_write_timeout(Some(HANG_LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes; `false` if the connection is gone.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Reads one response, by its length.
    pub(crate) fn response(&mut self) -> Response {
        self.try_response().expect("a response")
    }

    /// Reads a response to HEAD, which ends with its head.
    pub(crate) fn head(&mut self) -> Response {
        let response = self.try_head().expect("a response");
        assert!(self.unread.is_empty(), "a body follows: {:?}", self.unread);
        response
    }

    /// Reads one response; `None` if the connection is closed before its end.
    pub(crate) fn try_response(&mut self) -> Option<Response> {
        let mut response = self.try_head()?;
        let length = response
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.more()?;
        }
        let body = self.unread.drain(..length).collect();
        response.body = String::from_utf8(body).unwrap();
        Some(response)
    }

    fn try_head(&mut self) -> Option<Response> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head: Vec<_> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let head = headers
            .lines()
            .map(|line| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}\n", name.to_lowercase()),
                None => String::new(),
            })
            .collect();
        Some(Response {
            status,
            head,
            body: String::new(),
        })
    }

    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => {
                self.unread.extend(&buffer[..count]);
                Some(())
            }
            // Stopping and continuing a machine interrupts a read with a timeout (signal(7)).
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Some(()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until the connection is closed, and returns how long that took.
    pub(crate) fn closed_after(&mut self) -> Duration {
        let begun = Instant::now();
        while self.more().is_some() {}
        begun.elapsed()
    }
}

/// A plain request that keeps the connection.
pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
