//! Pins threads and processes to one CPU.

use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Pins a process's main thread, or the calling thread, to a CPU. Threads that it starts later
/// inherit the affinity.
///
/// # Errors
/// When the machine has no such CPU, or the process may not use it.
pub fn pin(pid: Option<u32>, cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    let pid = pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
    Ok(sched_setaffinity(pid, &set)?)
}
