//! moto, in place of AWS's API.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long it may take to listen.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A running `moto_server`. Dropping it stops it.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When it is not installed, or does not listen.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let process = Command::new(installed("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server can be run; `dev/install test` installs it");
        let moto = Self {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < START_TIMEOUT,
                "moto_server does not listen"
            );
            sleep(Duration::from_millis(100));
        }
        moto
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program of the AWS tools: the one that `dev/install` put beside moto, else the one on PATH.
pub fn installed(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/moto/bin")
        .join(name);
    if beside.is_file() {
        beside
    } else {
        PathBuf::from(name)
    }
}
