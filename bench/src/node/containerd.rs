//! A private containerd for the measurement: the one on `PATH`, with its CRI plugin.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The image of every container; the caller imports it.
pub(crate) const IMAGE: &str = "registry.k8s.io/pause:3.6";

/// How long containerd may take to start or stop.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A running containerd, with all its files below a directory that is removed with it.
#[derive(Debug)]
pub(crate) struct Containerd {
    child: Child,
    directory: TempDir,
}

impl Containerd {
    pub(crate) fn start() -> anyhow::Result<Self> {
        // A socket's path has at most 107 bytes.
        let directory = tempfile::Builder::new()
            .prefix("bench-node")
            .tempdir_in("/tmp")
            .context("cannot create a directory")?;
        let config = directory.path().join("config.toml");
        fs::write(&config, configuration(directory.path()))?;
        let log = File::create(directory.path().join("log"))?;
        let child = Command::new("containerd")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run containerd")?;
        let containerd = Self { child, directory };
        let begun = Instant::now();
        while containerd.ctr("default", &["version"]).is_err() {
            ensure!(
                begun.elapsed() < TIMEOUT,
                "containerd did not start:\n{}",
                fs::read_to_string(containerd.path("log"))?
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(containerd)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("c.sock")
    }

    /// `ctr` in a namespace.
    pub(crate) fn ctr_command(&self, namespace: &str) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.socket());
        command.args(["--namespace", namespace]);
        // Drops ctr's warnings about the configuration, which it prints on every call.
        command.env("CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS", "1");
        command
    }

    /// Runs `ctr` in a namespace.
    pub(crate) fn ctr(&self, namespace: &str, arguments: &[&str]) -> anyhow::Result<String> {
        run(self.ctr_command(namespace).args(arguments))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < TIMEOUT && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command and returns its output.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} exited with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn configuration(directory: &Path) -> String {
    let directory = directory.display();
    // A container in a container may not have the right to lower its OOM score.
    format!(
        "version = 2\nroot = \"{directory}/root\"\nstate = \"{directory}/state\"\n\
         [grpc]\naddress = \"{directory}/c.sock\"\n\
         [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{directory}/opt\"\n\
         [plugins.\"io.containerd.nri.v1.nri\"]\nsocket_path = \"{directory}/nri.sock\"\n\
         [plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"{IMAGE}\"\n\
         restrict_oom_score_adj = true\n\
         [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n\
         runtime_type = \"io.containerd.runc.v2\"\n"
    )
}
