//! Keeps threads and processes on one CPU.

use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Keeps a process's main thread, or the calling thread, on a CPU. Threads it starts later stay
/// there too.
///
/// # Errors
/// When the machine has no such CPU, or it may not be used.
pub fn stay_on(pid: Option<u32>, cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    let pid = pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
    Ok(sched_setaffinity(pid, &set)?)
}
