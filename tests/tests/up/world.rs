//! A containerd with an image, and the requests that tests send to its pods.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::containerd::{Daemon, Nodectl, image_layout};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use test_programs::free_port;

/// A daemon with an image's layout beside it.
pub(crate) struct World {
    pub(crate) daemon: Daemon,
    pub(crate) layout: String,
    pub(crate) port: u16,
}

impl World {
    pub(crate) fn new() -> Self {
        let daemon = Daemon::start();
        let dir = daemon.path("image");
        image_layout(&dir);
        let layout = format!("oci:{}", dir.display());
        Self {
            daemon,
            layout,
            port: free_port(),
        }
    }

    pub(crate) fn publish(&self) -> String {
        format!("{}:80", self.port)
    }

    pub(crate) fn up(&self, manifest: &str) -> Nodectl {
        self.up_with(manifest, &[])
    }

    pub(crate) fn up_with(&self, manifest: &str, more: &[&str]) -> Nodectl {
        let publish = self.publish();
        let args = ["--images", &self.layout, "--publish", &publish];
        Nodectl::up(&self.daemon, manifest, &[&args[..], more].concat())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        get(self.address(), path)
    }

    pub(crate) fn ps(&self) -> Value {
        let outcome = Nodectl::run(&self.daemon, &["ps", "--output", "json"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Container ID and process of every container, sorted.
    pub(crate) fn running(&self) -> Vec<(String, u64)> {
        let ps = self.ps();
        let containers = ps["pods"].as_array().unwrap().iter().flat_map(|pod| {
            pod["containers"].as_array().unwrap().iter().map(|one| {
                (
                    one["id"].as_str().unwrap().to_owned(),
                    one["pid"].as_u64().unwrap_or(0),
                )
            })
        });
        let mut all: Vec<_> = containers.collect();
        all.sort();
        all
    }

    pub(crate) fn down(&self) {
        let outcome = Nodectl::run(&self.daemon, &["down"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    }
}

/// Calls `look` until it returns a value.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within a minute: {what}");
}

/// Makes a named pipe.
pub(crate) fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// The body of a response; empty if there is none.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let answer = answer(address, path);
    let parts = answer.split_once("\r\n\r\n");
    parts.map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// A whole response, with its head; empty if there is none.
pub(crate) fn answer(address: SocketAddr, path: &str) -> String {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().unwrap_or_default()
}

pub(crate) fn kill(pid: u64) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}
