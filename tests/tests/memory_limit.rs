//! Hostile clients of the service under the memory limit of its pod: the kernel does not kill the service,
//! and other clients are answered meanwhile.
//!
//! Needs root, for a cgroup of either version. Version 1 accounts for socket buffers separately: the sum
//! of both figures has to stay below the limit.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use e2e::pod::Pod;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use socket2::{Domain, Socket, Type};

/// The limit in the service's manifest.
const LIMIT: u64 = 128 << 20;

/// Far above what a busy machine needs.
const HANG_LIMIT: Duration = Duration::from_mins(2);

/// The rounds in which each client sends its bytes.
const ROUNDS: usize = 8;

/// One of these tests at a time: each has thousands of connections.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cgroup with the limit, removed when dropped.
struct Cgroup {
    directory: PathBuf,
    is_unified: bool,
}

impl Cgroup {
    fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let root = Path::new("/sys/fs/cgroup");
        let is_unified = root.join("cgroup.controllers").exists();
        let parent = if is_unified {
            root.to_owned()
        } else {
            root.join("memory")
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("memory-limit-{}-{count}", std::process::id());
        let group = Self {
            directory: parent.join(name),
            is_unified,
        };
        std::fs::create_dir(&group.directory).expect("root may create a cgroup");
        let limit = LIMIT.to_string();
        if is_unified {
            std::fs::write(parent.join("cgroup.subtree_control"), "+memory").unwrap();
            group.write("memory.max", &limit);
        } else {
            group.write("memory.limit_in_bytes", &limit);
            group.write("memory.kmem.tcp.limit_in_bytes", &limit);
        }
        group
    }

    fn write(&self, file: &str, value: &str) {
        let path = self.directory.join(file);
        std::fs::write(&path, value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn read(&self, file: &str) -> String {
        let path = self.directory.join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn number(&self, file: &str) -> u64 {
        self.read(file).trim().parse().unwrap()
    }

    /// How many processes the kernel has killed in the cgroup.
    fn killed(&self) -> u64 {
        let file = if self.is_unified {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let text = self.read(file);
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.expect("the kernel counts them").parse().unwrap()
    }

    /// The peak memory of the sockets, and of everything else; version 2 includes the former in the latter.
    fn peaks(&self) -> (u64, u64) {
        if self.is_unified {
            (0, self.number("memory.peak"))
        } else {
            (
                self.number("memory.kmem.tcp.max_usage_in_bytes"),
                self.number("memory.max_usage_in_bytes"),
            )
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel may still be reaping the process.
        let begun = Instant::now();
        while std::fs::remove_dir(&self.directory).is_err() && begun.elapsed() < HANG_LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The service under the limit.
struct Limited {
    // Dropped before its cgroup.
    pod: Pod,
    cgroup: Cgroup,
}

impl Limited {
    fn start(settings: &[(&str, &str)]) -> Self {
        let cgroup = Cgroup::create();
        // A shell moves itself into the cgroup and execs the service, which then reads its limit as in a pod.
        let path = tempfile::Builder::new().suffix(".sh").tempfile().unwrap();
        let path = path.into_temp_path();
        let text = format!(
            "#!/bin/sh\necho $$ >{}/cgroup.procs && exec {}\n",
            cgroup.directory.display(),
            e2e::program("rust-k8s-app").display()
        );
        test_programs::write_script(&path, &text);
        let mut all = vec![
            ("APP_WORKERS", "2".to_owned()),
            ("APP_REQUEST_LOG", "off".to_owned()),
            ("APP_DRAIN_PROFILE", "off".to_owned()),
        ];
        // No timeout closes a connection.
        let timeouts = ["FIRST_HEAD", "NEXT_HEAD", "BODY", "ANSWER"];
        let names = timeouts.map(|name| format!("APP_{name}_TIMEOUT"));
        all.extend(names.iter().map(|name| (name.as_str(), "1h".to_owned())));
        all.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let mut pod = Pod::start(&path, &all).unwrap();
        pod.wait_ready("/readyz", HANG_LIMIT).unwrap();
        Self { pod, cgroup }
    }

    /// Requests of a kubelet and of users.
    fn assert_serves_others(&self) {
        let address = self.pod.public();
        let echo =
            "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nsmall";
        for request in [
            "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            echo,
        ] {
            let answer = ask(address, request);
            let context = || format!("{request}: {answer:?}; {:?}", self.cgroup.peaks());
            assert!(answer.starts_with("HTTP/1.1 200 "), "{}", context());
        }
    }
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG_LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) => answer,
        Err(error) => format!("{answer}{error}"),
    }
}

/// A client that sends requests and never reads.
struct Hostile {
    stream: TcpStream,
    sent: usize,
    is_gone: bool,
}

/// The receive buffer of a client, so small that responses stay in the service's send buffer.
const SMALLEST_BUFFER: usize = 1;

impl Hostile {
    fn connect(address: SocketAddr, receive_buffer: Option<usize>) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if let Some(bytes) = receive_buffer {
            // The kernel raises it to its minimum.
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        socket.connect(&address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            sent: 0,
            is_gone: false,
        }
    }

    /// Sends up to `end`, as far as the service takes it.
    fn send(&mut self, bytes: &[u8], end: usize) {
        while self.sent < end && !self.is_gone {
            match self.stream.write(&bytes[self.sent..end]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.is_gone = true,
            }
        }
    }
}

/// Makes `count` clients send these bytes in parts, without reading anything.
fn attack(service: &Limited, count: usize, receive_buffer: Option<usize>, bytes: &[u8]) {
    raise_descriptors();
    let mut clients: Vec<_> = Vec::new();
    for index in 0..count {
        clients.push(Hostile::connect(service.pod.public(), receive_buffer));
        if index % 500 == 0 {
            service.assert_serves_others();
        }
    }
    for round in 1..=ROUNDS {
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(bytes, bytes.len() * round / ROUNDS);
            if index % 500 == 0 {
                service.assert_serves_others();
            }
        }
    }
    assert_within_limit(service);
}

/// Asserts that the service stays below its limit after it has read everything that the clients sent.
fn assert_within_limit(service: &Limited) {
    for _ in 0..20 {
        service.assert_serves_others();
    }
    let (sockets, rest) = service.cgroup.peaks();
    assert_eq!(service.cgroup.killed(), 0, "the kernel killed the service");
    assert!(
        sockets + rest <= LIMIT,
        "{sockets} bytes of sockets, {rest} of everything else"
    );
}

/// This process holds the other end of each connection.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

fn check(settings: &[(&str, &str)], count: usize, bytes: &[u8]) {
    let _alone = alone();
    let service = Limited::start(settings);
    attack(&service, count, None, bytes);
}

/// As [`check`], with clients whose receive buffer has no room for the responses.
fn check_unread(settings: &[(&str, &str)], count: usize, bytes: &[u8]) {
    let _alone = alone();
    let service = Limited::start(settings);
    attack(&service, count, Some(SMALLEST_BUFFER), bytes);
}

fn echo(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

const MIB: usize = 1 << 20;

#[test]
fn bodies_of_which_one_byte_is_missing() {
    let length = format!("content-length: {MIB}");
    check(&[], 130, &echo(&length, &vec![b'x'; MIB - 1]));
}

#[test]
fn bodies_that_stop_after_the_buffers_have_grown() {
    let length = format!("content-length: {MIB}");
    check(&[], 1000, &echo(&length, &vec![b'x'; 100_000]));
}

#[test]
fn bodies_that_are_sent_while_the_process_is_stopped() {
    let _alone = alone();
    let service = Limited::start(&[]);
    raise_descriptors();
    let connect = |index| {
        if index % 500 == 0 {
            service.assert_serves_others();
        }
        Hostile::connect(service.pod.public(), None)
    };
    let mut clients: Vec<_> = (0..1800).map(connect).collect();
    service.assert_serves_others();
    let pid = Pid::from_raw(service.pod.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let body = echo(&format!("content-length: {MIB}"), &vec![b'x'; MIB - 1]);
    for client in &mut clients {
        client.send(&body, body.len());
    }
    kill_process(pid, Signal::CONT).unwrap();
    for client in &mut clients {
        client.send(&body, body.len());
    }
    assert_within_limit(&service);
}

#[test]
fn heads_that_do_not_end() {
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}", "b".repeat(16_000));
    check(&[], 4993, head.as_bytes());
}

#[test]
fn answers_that_nobody_reads() {
    let length = format!("content-length: {MIB}");
    let request = echo(&length, &vec![b'x'; MIB]);
    check(&[], 300, &request.repeat(3));
}

#[test]
fn short_answers_that_nobody_reads() {
    let requests = "GET /info HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20_000);
    check(&[], 500, requests.as_bytes());
}

#[test]
fn chunks_with_endless_extensions() {
    let body = [&b"5;"[..], &vec![b'x'; 4 * MIB]].concat();
    check(&[], 200, &echo("transfer-encoding: chunked", &body));
}

#[test]
fn trailers_that_do_not_end() {
    let body = "0\r\n".to_owned() + &"x-a: b\r\n".repeat(100_000);
    check(
        &[],
        200,
        &echo("transfer-encoding: chunked", body.as_bytes()),
    );
}

#[test]
fn chunks_of_one_byte() {
    let body = "1\r\nx\r\n".repeat(MIB - 1);
    check(
        &[],
        150,
        &echo("transfer-encoding: chunked", body.as_bytes()),
    );
}

#[test]
fn connections_that_stay_idle() {
    check(&[], 9000, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
}

#[test]
fn connections_that_were_parsed_and_stay_idle() {
    let request = echo("content-length: 40000", &vec![b'x'; 40_000]);
    check(&[], 5000, &request);
}

#[test]
fn requests_behind_one_that_waits() {
    let requests = "GET /delay/60s HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20_000);
    check(&[("APP_SAMPLE_ROUTES", "on")], 3000, requests.as_bytes());
}

#[test]
fn streams_that_nobody_reads() {
    let request = "GET /chunked/1000 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    check(&[("APP_SAMPLE_ROUTES", "on")], 3000, request.as_bytes());
}

#[test]
fn streams_that_stay_in_the_send_buffer() {
    let request = "GET /chunked/1000 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(8);
    check_unread(&[("APP_SAMPLE_ROUTES", "on")], 3000, request.as_bytes());
}

#[test]
fn short_answers_that_stay_in_the_send_buffer() {
    let requests = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(400);
    check_unread(&[], 3000, requests.as_bytes());
}

#[test]
fn proxy_headers_that_do_not_end() {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(4000_u16.to_be_bytes());
    header.extend(vec![0; 3999]);
    let proxied = [
        ("APP_PROXY_PROTOCOL", "optional"),
        ("APP_TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    check(&proxied, 4993, &header);
}
