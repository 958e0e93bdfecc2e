//! The shims of a test's containers, for stopping and killing them.

use std::fs;

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
        let shim = words.first()?.ends_with(b"containerd-shim-runc-v2");
        (shim && words.contains(&id.as_bytes())).then(|| Pid::from_raw(pid))?
    };
    fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
        .find_map(of)
        .expect("each pod has a shim")
}
