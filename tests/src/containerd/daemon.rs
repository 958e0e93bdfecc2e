//! Starts containerd with root, state and socket in a directory of its own, and stops it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::panicking;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::beside::beside;
use super::{leftovers, traces};

/// The containerd namespace that `nodectl` works in unless another is named.
const NAMESPACE: &str = "nodectl";

/// The limit of open files that the daemon runs with: a number that is no program's default.
pub const OPEN_FILES: u32 = 16_000;

/// A private containerd: the one on `PATH`, with the shim, `ctr` and runc beside it.
///
/// Dropping it runs `nodectl down`, stops the daemon, and fails the test if any resource has leaked: a
/// mount, a network namespace, a link, a process, a cgroup, a file.
#[derive(Debug)]
pub struct Daemon {
    child: Option<Child>,
    dir: TempDir,
    /// The containerd namespaces that `nodectl` was started in.
    namespaces: Mutex<BTreeSet<String>>,
    /// The test has containers of its own, which run until the daemon is dropped.
    leaves_containers: AtomicBool,
}

impl Daemon {
    /// Starts one without the CRI plugin.
    ///
    /// # Panics
    /// If it cannot be started: without root, or without containerd.
    pub fn start() -> Self {
        Self::start_with("disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")
    }

    /// Starts one with the CRI plugin, whose sandboxes run `sandbox_image`.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn start_with_cri(sandbox_image: &str) -> Self {
        // A container in a container may not have the right to lower its OOM score.
        Self::start_with(&format!(
            "[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"{sandbox_image}\"\n\
             restrict_oom_score_adj = true\n"
        ))
    }

    /// Starts one with `more` in its configuration, top-level keys first.
    fn start_with(more: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test starts containerd and needs root"
        );
        // A socket's path has at most 107 bytes, and containerd adds `.ttrpc`.
        let dir = tempfile::Builder::new()
            .prefix("nc")
            .tempdir_in("/tmp")
            .expect("/tmp takes a directory");
        let mut daemon = Self {
            child: None,
            dir,
            namespaces: Mutex::default(),
            leaves_containers: AtomicBool::new(false),
        };
        daemon.write_config(more);
        daemon.launch();
        daemon
    }

    /// Every path in it is the daemon's own. By default, each containerd 2 with the CRI plugin replaces the
    /// machine's NRI socket, and exits if another one creates it at the same time.
    fn write_config(&self, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "version = 2\nroot = \"{dir}/root\"\nstate = \"{dir}/state\"\n\
             {more}[grpc]\naddress = \"{dir}/c.sock\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{dir}/opt\"\n\
             [plugins.\"io.containerd.nri.v1.nri\"]\nsocket_path = \"{dir}/nri.sock\"\n"
        );
        fs::write(self.path("config.toml"), text).expect("the directory takes a file");
    }

    /// Starts the daemon that is on `PATH`.
    ///
    /// # Panics
    /// If it cannot be started, exits, or does not respond within two minutes.
    pub fn launch(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .expect("the directory takes a file");
        let child = Command::new("sh")
            .args(["-c", "ulimit -n $0 && exec containerd \"$@\""])
            .arg(OPEN_FILES.to_string())
            .arg("--config")
            .arg(self.path("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("containerd can be run; `make deps-test` installs it");
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_mins(2);
        while Instant::now() < deadline && self.child.as_mut().is_some_and(runs) {
            if UnixStream::connect(self.socket()).is_ok() && self.ctr_status(&["version"]) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("containerd did not come up:\n{log}");
    }

    /// Restarts the daemon as an upgrade does, with `pause` in between; its containers keep running.
    ///
    /// # Panics
    /// If it cannot be started again.
    pub fn restart(&mut self, pause: Duration) {
        self.stop();
        std::thread::sleep(pause);
        self.launch();
    }

    /// Stops the daemon; its containers keep running. [`Daemon::launch`] starts it again.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_child(&child);
            let _ = kill_process(pid, Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(10);
            while Instant::now() < deadline {
                if matches!(child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The process of the daemon, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The six hex digits that mark what `nodectl` creates for this daemon in its default namespace.
    pub fn instance(&self) -> String {
        traces::instance(self.dir(), NAMESPACE)
    }

    /// The instances of every namespace that `nodectl` was started in.
    pub(super) fn instances(&self) -> Vec<String> {
        let namespaces = self.namespaces();
        let all = namespaces.iter().map(String::as_str).chain([NAMESPACE]);
        let all: BTreeSet<_> = all.collect();
        all.into_iter()
            .map(|namespace| traces::instance(self.dir(), namespace))
            .collect()
    }

    fn namespaces(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // No holder of the lock leaves the set inconsistent.
        self.namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the namespace that `nodectl` is started in with these arguments.
    pub(super) fn note_namespace(&self, args: &[&str]) {
        let mut words = args.iter().skip_while(|word| **word != "--namespace");
        let namespace = words.nth(1).copied().unwrap_or(NAMESPACE);
        self.namespaces().insert(namespace.to_owned());
    }

    /// Notes that the test has containers of its own, which run until the daemon is dropped.
    pub(super) fn leaves_containers(&self) {
        self.leaves_containers.store(true, Ordering::Relaxed);
    }

    /// Runs `nodectl down` to clean up after a killed `up`; returns the resources that leaked.
    fn down(&mut self) -> Vec<String> {
        if self.child.is_none() {
            self.launch();
        }
        let namespaces = self.namespaces().clone();
        let states = namespaces.iter();
        let mut left = Vec::new();
        for namespace in states.filter(|one| self.path("run").join(one).exists()) {
            let mut nodectl = Command::new(crate::program("nodectl"));
            nodectl.env_clear().args(["down", "--namespace", namespace]);
            beside(self.dir(), &mut nodectl);
            let output = nodectl.output().expect("nodectl can be run");
            if !output.status.success() {
                left.push(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        left.extend(leftovers::after_exits(&self.marks()));
        left
    }

    fn marks(&self) -> leftovers::Marks<'_> {
        leftovers::Marks {
            dir: self.dir(),
            instances: self.instances(),
            pid: self.pid(),
        }
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.path("c.sock")
    }

    /// What `ctr` prints.
    ///
    /// # Panics
    /// When ctr fails.
    pub fn ctr(&self, args: &[&str]) -> String {
        let output = self
            .ctr_command(args)
            .output()
            .expect("ctr comes with containerd");
        assert!(
            output.status.success(),
            "ctr {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn ctr_status(&self, args: &[&str]) -> bool {
        self.ctr_command(args)
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// A command of `ctr` on this daemon.
    pub fn ctr_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.socket()).args(args);
        command
    }
}

fn runs(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut left = Vec::new();
        if !panicking() && !self.leaves_containers.load(Ordering::Relaxed) {
            left = self.down();
        }
        let sockets = leftovers::kill(&self.marks());
        self.stop();
        let remains = leftovers::remove(&self.marks(), &sockets);
        let removed = fs::remove_dir_all(self.dir());
        // Not to hide the reason of a test that has already failed.
        if !panicking() {
            assert!(
                left.is_empty(),
                "left after `nodectl down`:\n{}",
                left.join("\n")
            );
            assert!(
                remains.is_empty(),
                "cannot be removed:\n{}",
                remains.join("\n")
            );
            removed.expect("the daemon's directory can be removed");
        }
    }
}
