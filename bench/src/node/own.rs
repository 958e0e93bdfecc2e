//! Pods of `nodectl up`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::containerd::{Containerd, IMAGE};

/// How long the pods may take to start.
const TIMEOUT: Duration = Duration::from_mins(3);

/// A running `nodectl up`. Dropping it stops it, which removes its pods.
#[derive(Debug)]
pub(crate) struct Up {
    child: Child,
    containerd: PathBuf,
    socket: PathBuf,
    nodectl: PathBuf,
}

impl Up {
    /// Runs `pods` pods with `each` containers.
    pub(crate) fn start(
        containerd: &Containerd,
        nodectl: &Path,
        pods: usize,
        each: usize,
    ) -> anyhow::Result<Self> {
        let file = containerd.path("pods.yaml");
        fs::write(&file, manifest(pods, each))?;
        let log = containerd.path("up.log");
        let output = File::create(&log)?;
        let mut up = Self {
            child: Command::new("true").spawn()?,
            containerd: containerd.path(""),
            socket: containerd.socket(),
            nodectl: nodectl.to_owned(),
        };
        up.child = up
            .command()
            .arg("up")
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot run nodectl")?;
        let begun = Instant::now();
        loop {
            let printed = fs::read_to_string(&log)?;
            if printed.contains(&format!("all ready: {pods} pods")) {
                return Ok(up);
            }
            let running = up.child.try_wait()?.is_none() && begun.elapsed() < TIMEOUT;
            ensure!(running, "`nodectl up` did not start all pods:\n{printed}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// nodectl, for this containerd.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.nodectl);
        command
            .env("CONTAINERD_ADDRESS", &self.socket)
            .env("NODECTL_STATE_DIR", self.containerd.join("nodectl"))
            .env("NODECTL_DATA_DIR", self.containerd.join("data"));
        command
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
        let _ = self.command().arg("down").output();
    }
}

fn manifest(pods: usize, each: usize) -> String {
    let containers: Vec<_> = (0..each)
        .map(|number| {
            format!(
                "        - {{name: container-{number}, image: \"{IMAGE}\"}}
"
            )
        })
        .collect();
    let containers = containers.concat();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {pods}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec:\n      terminationGracePeriodSeconds: 0\n      containers:\n{containers}"
    )
}
