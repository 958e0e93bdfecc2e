//! The shims of a test's containers, for stopping and killing them.

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
        let program = words.first()?.rsplit(|byte| *byte == b'/').next()?;
        let shim = program.starts_with(b"containerd-shim-");
        (shim && words.contains(&id.as_bytes())).then(|| Pid::from_raw(pid))?
    };
    fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
        .find_map(of)
        .expect("each pod has a shim")
}

/// The sockets that a process listens on, by path (`proc_net_unix`).
///
/// # Panics
/// When /proc cannot be read.
pub fn sockets_of(pid: Pid) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()))
        .expect("the process runs")
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
