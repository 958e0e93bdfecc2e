//! `nodectl` as a user runs it: a process with arguments, streams and an exit code.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Daemon;
use super::beside::beside;

/// A limit against a hang, far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code; `None` if a signal killed it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A running `nodectl up`. Dropping it kills the process; dropping the daemon removes its pods.
#[derive(Debug)]
pub struct Nodectl {
    child: Child,
    log: PathBuf,
}

fn command(daemon: &Daemon, args: &[&str]) -> Command {
    daemon.note_namespace(args);
    let mut command = Command::new(crate::program("nodectl"));
    command.env_clear().args(args);
    beside(daemon.dir(), &mut command);
    command
}

impl Nodectl {
    /// Starts a command in the background, with its output to a pipe.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn spawn(daemon: &Daemon, args: &[&str]) -> Child {
        command(daemon, args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("nodectl can be run")
    }

    /// Runs a command to completion.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn run(daemon: &Daemon, args: &[&str]) -> Outcome {
        command(daemon, args)
            .output()
            .expect("nodectl can be run")
            .into()
    }

    /// Runs a command to completion with a text on its standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn run_with_input(daemon: &Daemon, args: &[&str], input: &str) -> Outcome {
        test_programs::output_with_input(&mut command(daemon, args), input).into()
    }

    /// Starts `up` with the manifest and arguments, in the background.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn up(daemon: &Daemon, manifest: &str, args: &[&str]) -> Self {
        Self::up_beside(daemon, "up", manifest, args)
    }

    /// As [`Nodectl::up`], with files of another name, so that several can run at once.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn up_beside(daemon: &Daemon, name: &str, manifest: &str, args: &[&str]) -> Self {
        Self::start(command(daemon, &[]), daemon, name, manifest, args)
    }

    /// As [`Nodectl::up`], started by a shell script that executes its arguments.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn up_by(daemon: &Daemon, script: &str, manifest: &str, args: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", script, "sh"])
            .arg(crate::program("nodectl"));
        beside(daemon.dir(), &mut shell);
        Self::start(shell, daemon, "up", manifest, args)
    }

    /// Starts `up` in the foreground of its own terminal.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn up_on(daemon: &Daemon, terminal: OwnedFd, manifest: &str, args: &[&str]) -> Child {
        daemon.note_namespace(args);
        let file = daemon.path("up.yaml");
        fs::write(&file, manifest).expect("the directory takes a file");
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(crate::program("nodectl"));
        beside(daemon.dir(), &mut command);
        let stream = || terminal.try_clone().expect("a file can be shared");
        command
            .env("TERM", "xterm-256color")
            .arg("up")
            .arg("-f")
            .arg(&file)
            .args(args)
            .stdin(stream())
            .stdout(stream())
            .stderr(terminal)
            .spawn()
            .expect("nodectl can be run")
    }

    fn start(
        mut command: Command,
        daemon: &Daemon,
        name: &str,
        manifest: &str,
        args: &[&str],
    ) -> Self {
        daemon.note_namespace(args);
        let file = daemon.path(&format!("{name}.yaml"));
        fs::write(&file, manifest).expect("the directory takes a file");
        let log = daemon.path(&format!("{name}.log"));
        let stream = File::create(&log).expect("the directory takes a file");
        let child = command
            .arg("up")
            .arg("-f")
            .arg(&file)
            .args(args)
            .stdout(stream.try_clone().expect("a file can be shared"))
            .stderr(stream)
            .spawn()
            .expect("nodectl can be run");
        Self { child, log }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file that its output goes to.
    pub fn log(&self) -> &std::path::Path {
        &self.log
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has printed `text` for the `times`th time, and returns how long that took.
    ///
    /// # Panics
    /// When it does not within two minutes, or exits.
    pub fn wait_for(&mut self, text: &str, times: usize) -> Duration {
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            let printed = self.printed();
            if printed.matches(text).count() >= times {
                return began.elapsed();
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("nodectl exited with {status} and did not print `{text}`:\n{printed}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!(
            "nodectl did not print `{text}` {times} times:\n{}",
            self.printed()
        );
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it has exited.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("nodectl runs");
    }

    /// Waits for it to exit and returns its exit code.
    ///
    /// # Panics
    /// When it does not exit within two minutes.
    pub fn wait(mut self) -> Option<i32> {
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("nodectl does not exit:\n{}", self.printed());
    }
}

impl Drop for Nodectl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
