//! A server under measurement: started, observed through `/proc`, and stopped.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The CPU of a server that is pinned to one.
pub(crate) const SERVER_CPU: usize = 0;
/// The CPU of the client of such a server, and of this program.
pub(crate) const CLIENT_CPU: usize = 1;
/// How long a server may take to become ready.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server, with the processes that it started.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// Time from exec to the first complete 200 response.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts `command`, on one CPU or on all, and waits for its first response.
    pub(crate) fn start(
        mut command: Command,
        cpu: Option<usize>,
        address: SocketAddr,
        path: &'static str,
    ) -> anyhow::Result<Self> {
        let log = tempfile::tempfile().context("cannot create a log file")?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        // A child has the affinity of the thread that starts it.
        let spawn = move || -> io::Result<(Child, Instant)> {
            if let Some(cpu) = cpu {
                loadgen::cpu::pin(None, cpu)?;
            }
            let begun = Instant::now();
            Ok((command.spawn()?, begun))
        };
        let (child, begun) = std::thread::spawn(spawn)
            .join()
            .expect("starting does not panic")
            .context("cannot start the server")?;
        let mut server = Self {
            child,
            address,
            path,
            started_in: Duration::ZERO,
        };
        while !server.answers() {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server exited with {status}\n{}", text(log)?);
            }
            if begun.elapsed() > START_TIMEOUT {
                bail!("the server does not respond\n{}", text(log)?);
            }
        }
        server.started_in = begun.elapsed();
        Ok(server)
    }

    fn answers(&self) -> bool {
        self.ask()
            .is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 "))
    }

    /// Sends one request on a new connection and returns the whole response.
    pub(crate) fn ask(&self) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request(self.path).as_bytes())?;
        read_answer(&mut stream)
    }

    /// The same for a request that asks the server to close the connection.
    pub(crate) fn ask_once(&self) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = request(self.path).replacen("\r\n", "\r\nconnection: close\r\n", 1);
        stream.write_all(request.as_bytes())?;
        read_answer(&mut stream)
    }

    /// Opens this many kept-alive connections, each of which has carried a request.
    pub(crate) fn connections(&self, count: usize) -> anyhow::Result<Vec<TcpStream>> {
        let open = || -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(request(self.path).as_bytes())?;
            read_answer(&mut stream)?;
            Ok(stream)
        };
        (0..count)
            .map(|_| open().context("cannot hold a connection"))
            .collect()
    }

    /// The process and its descendants.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut next = 0;
        while let Some(&pid) = found.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
            next += 1;
        }
        found
    }

    /// The resident set size, summed over the processes.
    pub(crate) fn rss_bytes(&self) -> u64 {
        self.processes().into_iter().map(rss_bytes).sum()
    }

    /// CPU time so far, summed over the processes.
    pub(crate) fn cpu_time(&self) -> Duration {
        self.processes().into_iter().map(cpu_time).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Children exit with their parent (gunicorn's, at SIGTERM). A server without children is killed,
        // since it might take long to drain.
        if self.processes().len() > 1 {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(3) {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n")
}

/// Reads one response with a Content-Length.
fn read_answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let length = text.split("content-length:").nth(1).and_then(|rest| {
            rest.lines()
                .next()
                .and_then(|value| value.trim().parse::<usize>().ok())
        });
        let complete = match (text.find("\r\n\r\n"), length) {
            (Some(head), Some(length)) => answer.len() >= head + 4 + length,
            _ => false,
        };
        if complete {
            return Ok(answer);
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn text(mut log: File) -> io::Result<String> {
    use std::io::Seek as _;
    let mut text = String::new();
    log.rewind()?;
    log.read_to_string(&mut text)?;
    Ok(text)
}

/// 0 for a process that is gone.
fn rss_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// From `schedstat`, which counts nanoseconds; `stat` has ticks of 10 ms.
fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanos = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
