//! The service as a process with an address of its own, as in a pod.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The length of the log tail shown when a test fails.
const LOG_TAIL_BYTES: i64 = 4096;

/// A running service. Dropping it kills the process.
#[derive(Debug)]
pub struct Pod {
    child: Child,
    public: SocketAddr,
    admin: SocketAddr,
    log: File,
}

impl Pod {
    /// Starts the program on an address that no other pod has. `settings` are its environment.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start(program: &Path, settings: &[(&str, String)]) -> io::Result<Self> {
        let ip = address();
        let (public, admin) = (SocketAddr::new(ip, 5000), SocketAddr::new(ip, 9090));
        let log = tempfile::tempfile()?;
        let child = Command::new(program)
            .env_clear()
            .env("APP_LISTEN", public.to_string())
            .env("APP_ADMIN_LISTEN", admin.to_string())
            .env("APP_POD_NAME", name(ip))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()?;
        Ok(Self {
            child,
            public,
            admin,
            log,
        })
    }

    /// The public listener.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// The name that `/info` reports.
    pub fn name(&self) -> String {
        name(self.public.ip())
    }

    /// The admin listener.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Polls `path` until it returns 200, as a readiness probe does.
    ///
    /// # Errors
    /// When that exceeds `timeout`, or the process exits; the error holds the tail of its log.
    pub fn wait_ready(&mut self, path: &str, timeout: Duration) -> io::Result<()> {
        let deadline = Instant::now() + timeout;
        while !probe(self.public, path).is_ok_and(|status| status == 200) {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "{status} while starting\n{}",
                    self.log()
                )));
            }
            if Instant::now() >= deadline {
                let text = format!("not ready after {timeout:?}\n{}", self.log());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        // It fails only for a process that was waited for, which `wait` consumes.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Waits for the process to exit, and kills it at `deadline`, as the kubelet does. Returns its exit
    /// status, or `None` if it was killed, and the tail of its log.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(mut self, deadline: Instant) -> io::Result<(Option<ExitStatus>, String)> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((Some(status), self.log()));
            }
            if Instant::now() >= deadline {
                return Ok((None, self.log())); // Dropping it kills the process.
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The tail of its log.
    pub fn log(&mut self) -> String {
        let mut tail = Vec::new();
        let read = self
            .log
            .seek(SeekFrom::End(-LOG_TAIL_BYTES))
            .or_else(|_| self.log.seek(SeekFrom::Start(0)))
            .and_then(|_| self.log.read_to_end(&mut tail));
        match read {
            Ok(_) => String::from_utf8_lossy(&tail).into_owned(),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // Both fail if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn name(ip: IpAddr) -> String {
    format!("pod-{}", ip.to_string().replace('.', "-"))
}

/// A loopback address, unique to this pod: in 127.64.0.0/10, by process ID and a counter.
fn address() -> IpAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 64 + high % 64, low, count).into()
}

/// Sends one request and returns the status code.
fn probe(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("no status line"))
}
