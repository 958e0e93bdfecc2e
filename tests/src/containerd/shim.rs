//! Finds the shims of a test's containers, so that a test can stop or kill them.

use std::fs;
use std::path::PathBuf;

use rustix::process::Pid;

/// The shim whose first container is `id`.
///
/// # Panics
/// When there is none.
pub fn shim_of(id: &str) -> Pid {
    let of = |entry: fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = words.split(|byte| *byte == 0).collect();
        let shim = is_shim_program(words.first()?);
        (shim && words.contains(&id.as_bytes())).then(|| Pid::from_raw(pid))?
    };
    fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
        .find_map(of)
        .expect("each pod has a shim")
}

/// The shim whose container a process is the first of: its parent.
///
/// # Panics
/// When the process is gone.
pub fn shim_above(pid: u32) -> Pid {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let mut parents = status.lines().filter_map(|line| line.strip_prefix("PPid:"));
    let parent = parents.next().and_then(|parent| parent.trim().parse().ok());
    Pid::from_raw(parent.expect("/proc has the parent")).expect("a shim has an ID")
}

/// Whether a process is a shim.
pub(super) fn is_shim(pid: u32) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let program = command.split(|byte| *byte == 0).next();
    program.is_some_and(is_shim_program)
}

/// Whether `program`, the first word of a command line, is a shim of any runtime.
fn is_shim_program(program: &[u8]) -> bool {
    let name = program.rsplit(|byte| *byte == b'/').next();
    name.is_some_and(|name| name.starts_with(b"containerd-shim-"))
}

/// The sockets that a process listens on, by path (`proc_net_unix`); none if it has exited.
///
/// # Panics
/// When /proc cannot be read.
pub fn sockets_of(pid: Pid) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    let inodes: Vec<_> = files
        .filter_map(|file| {
            let name = file.to_str()?.strip_prefix("socket:[")?;
            Some(name.strip_suffix(']')?.to_owned())
        })
        .collect();
    let listening = fs::read_to_string("/proc/net/unix").expect("/proc can be read");
    let path = |line: &str| {
        let mut words = line.split_whitespace().skip(6);
        let inode = words.next()?;
        let path = words.next()?;
        inodes.iter().any(|one| one == inode).then(|| path.into())
    };
    listening.lines().filter_map(path).collect()
}
