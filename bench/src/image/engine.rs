//! A Docker Engine of this run.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long it may take to start: it starts a containerd too.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running engine, which has no network for containers.
#[derive(Debug)]
pub(super) struct Engine {
    daemon: Child,
    folder: tempfile::TempDir,
}

impl Engine {
    pub(super) fn start(dockerd: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a directory")?;
        let at = |name: &str| folder.path().join(name);
        let mut command = Command::new(dockerd);
        command.args(["--iptables=false", "--bridge=none"]);
        for (flag, name) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
        ] {
            command.arg(flag).arg(at(name));
        }
        let daemon = command
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", dockerd.display()))?;
        let mut engine = Self { daemon, folder };
        let begun = Instant::now();
        while UnixStream::connect(engine.socket()).is_err() {
            if let Some(status) = engine.daemon.try_wait()? {
                bail!("{} exited with {status}", dockerd.display());
            }
            if begun.elapsed() > START_TIMEOUT {
                bail!("{} does not listen", dockerd.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(engine)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // So that it stops its containerd.
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
    }
}
