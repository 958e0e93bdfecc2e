//! Starts containerd with root, state and socket in a directory of its own, and stops it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// One at a time in a test binary: what one leaves must not pass for what another creates.
static TURN: Mutex<()> = Mutex::new(());

/// The limit of open files that the daemon runs with: a number that is nobody's default.
pub const OPEN_FILES: u32 = 16_000;

/// A containerd of the test's own: the one on `PATH`, with the shim, `ctr` and runc beside it. Dropping
/// it stops it, with all its shims and mounts.
#[derive(Debug)]
pub struct Daemon {
    child: Option<Child>,
    dir: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Daemon {
    /// Starts one without the kubelet's plugin.
    ///
    /// # Panics
    /// Where it cannot be started: without root, or without containerd.
    pub fn start() -> Self {
        Self::start_with("disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")
    }

    /// Starts one with the kubelet's plugin, whose sandboxes run `sandbox_image`.
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

    /// Starts one with more in its configuration, first of all what is in no table.
    fn start_with(more: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test starts containerd and needs root"
        );
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // A socket's path has at most 107 bytes, and containerd adds `.ttrpc`.
        let dir = tempfile::Builder::new()
            .prefix("nc")
            .tempdir_in("/tmp")
            .expect("/tmp takes a directory");
        let mut daemon = Self {
            child: None,
            dir,
            _turn: turn,
        };
        daemon.write_config(more);
        daemon.launch();
        daemon
    }

    fn write_config(&self, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "version = 2\nroot = \"{dir}/root\"\nstate = \"{dir}/state\"\n\
             {more}[grpc]\naddress = \"{dir}/c.sock\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{dir}/opt\"\n"
        );
        fs::write(self.path("config.toml"), text).expect("the directory takes a file");
    }

    /// Starts the daemon that is on `PATH`.
    ///
    /// # Panics
    /// Where it cannot be started, or does not answer within 20 s.
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
        while Instant::now() < deadline {
            if UnixStream::connect(self.socket()).is_ok() && self.ctr_status(&["version"]) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("containerd did not come up:\n{log}");
    }

    /// Restarts the daemon as an upgrade does, leaving what runs, with `pause` in between.
    ///
    /// # Panics
    /// Where it cannot be started again.
    pub fn restart(&mut self, pause: Duration) {
        self.stop();
        std::thread::sleep(pause);
        self.launch();
    }

    /// Stops the daemon and leaves what runs; [`Daemon::launch`] starts it again.
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

    fn ctr_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.socket()).args(args);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // What a failed test has left runs under shims that know this daemon's socket.
        let marker = self.dir.path().display().to_string();
        let instance = super::traces::instance(self.dir());
        for pid in super::traces::processes_of(&marker, &instance) {
            let own = self.child.as_ref().map(Child::id);
            if own != Some(pid)
                && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        self.stop();
        for mount in super::traces::mounts_of(&marker).iter().rev() {
            let _ = Command::new("umount").arg("-l").arg(mount).output();
        }
        for record in super::traces::runc_of(&marker) {
            let _ = fs::remove_dir_all(record);
        }
        for cgroup in super::traces::cgroups(&instance) {
            for below in super::traces::below(&cgroup).iter().rev() {
                let _ = fs::remove_dir(below);
            }
            let _ = fs::remove_dir(cgroup);
        }
        for link in super::traces::links(&instance) {
            let _ = Command::new("ip").args(["link", "delete", &link]).output();
        }
    }
}
