//! Handles signals that ask this process to stop, or to pause, while Cargo runs.
//!
//! Cargo runs in a process group of its own, with its compilers and build scripts. A signal is
//! forwarded to all of them; the second one that asks to stop kills them. While no Cargo runs,
//! signals have their default effect.
//!
//! A process group that is its session's first, such as that of a container or of a command of ssh, has no
//! shell that could continue it: there, Ctrl-Z has no effect, as without a handler.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

/// The signals that ask a process to stop.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals to handle.
fn signals() -> Vec<i32> {
    let mut signals = ENDING.to_vec();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if is_job(&stat) {
        signals.push(SIGTSTP);
    }
    signals
}

/// Whether the group of a process (proc(5), field 5 of stat) is not the first of its session (field 6). Both are 0 if
/// they were created outside of its PID namespace.
fn is_job(stat: &str) -> bool {
    // The name in parentheses may contain spaces.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let mut ids = fields.split(' ').skip(2);
    ids.next() != ids.next()
}

/// The signal handlers of this process.
#[derive(Clone, Debug)]
pub(crate) struct Interrupts {
    /// The signals that are handled.
    signals: Vec<i32>,
    /// No child runs, so a signal has its default effect.
    idle: Arc<AtomicBool>,
}

/// A child, and the thread that forwards signals to its process group. Dropping it waits for the
/// child.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    interrupted: Arc<AtomicBool>,
    idle: Arc<AtomicBool>,
    handle: Handle,
    forwarder: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// Installs the handlers.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn install() -> io::Result<Self> {
        let idle = Arc::new(AtomicBool::new(true));
        let signals = signals();
        for signal in &signals {
            signal_hook::flag::register_conditional_default(*signal, Arc::clone(&idle))?;
        }
        Ok(Self { signals, idle })
    }

    /// Starts a command in a process group of its own.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Running> {
        // Set before the child exists, so that no signal is lost in between.
        let mut signals = Signals::new(&self.signals)?;
        self.idle.store(false, Ordering::SeqCst);
        let child = command.process_group(0).spawn().inspect_err(|_| {
            self.idle.store(true, Ordering::SeqCst);
        })?;
        let group = Pid::from_child(&child);
        let handle = signals.handle();
        let interrupted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&interrupted);
        let forwarder = std::thread::spawn(move || {
            for signal in signals.forever() {
                // It fails when all of them have exited.
                let forward = |signal| kill_process_group(group, signal);
                let _ = match signal {
                    SIGTSTP => {
                        let _ = forward(Signal::STOP);
                        // Returns once this process is continued.
                        let _ = emulate_default_handler(SIGTSTP);
                        forward(Signal::CONT)
                    }
                    _ if seen.swap(true, Ordering::SeqCst) => forward(Signal::KILL),
                    SIGINT => forward(Signal::INT),
                    SIGHUP => forward(Signal::HUP),
                    SIGQUIT => forward(Signal::QUIT),
                    _ => forward(Signal::TERM),
                };
            }
        });
        Ok(Running {
            child,
            interrupted,
            idle: Arc::clone(&self.idle),
            handle,
            forwarder: Some(forwarder),
        })
    }
}

impl Running {
    /// The child.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether a signal asked this process to stop.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has exited already, or is no longer needed.
        let _ = self.child.wait();
        self.handle.close();
        if let Some(forwarder) = self.forwarder.take() {
            // The thread does not panic, and a drop must not.
            let _ = forwarder.join();
        }
        self.idle.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_a_shell_is_not_in_the_first_group_of_its_session() {
        assert!(is_job("17 (image (1) x) S 9 17 9 34816 17 4194304"));
        assert!(!is_job("17 (imagebuilder) S 9 17 17 34816 17 4194304"));
        // Entered from another PID namespace, as by `docker exec`.
        assert!(!is_job("17 (imagebuilder) S 0 0 0 0 -1 4194304"));
        assert!(!is_job(""));
    }
}
