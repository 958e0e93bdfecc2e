//! The pods' last status in `up`, in a file for `ps`: containerd knows neither whether a container is ready
//! nor why one waits to be started.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::controller::PodRow;
use super::instance::Instance;

/// Writes the file.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn save(instance: &Instance, pods: &[PodRow]) -> io::Result<()> {
    let (path, new) = (file(instance), instance.dir.join("pods.new"));
    fs::write(&new, serde_json::to_vec(pods)?)?;
    fs::rename(new, path)
}

/// Reads the file of the running `up`; `None` if none runs.
pub fn load(instance: &Instance) -> Option<Vec<PodRow>> {
    let runs = |pid: &i32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), None).is_ok();
    instance.locked_by().filter(runs)?;
    let text = fs::read(file(instance)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn file(instance: &Instance) -> PathBuf {
    instance.dir.join("pods.json")
}
