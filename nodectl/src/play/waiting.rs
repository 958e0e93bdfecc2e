//! Containers that wait to be started, and why. containerd knows nothing of them, so `up` writes them to a
//! file for `ps`.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::controller::PodRow;
use super::instance::Instance;
use super::record::PodRecord;
use super::status::ContainerState;

/// A container that does not run, or not again yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its pod.
    pub record: PodRecord,
    /// Its name in the pod.
    pub container: String,
    /// How often it was restarted.
    pub restarts: u32,
    /// Why it waits, as the kubelet's reason is written.
    pub state: String,
    /// What failed, if something did.
    pub reason: Option<String>,
}

impl Waiting {
    /// The waiting containers of the pods that `up` shows.
    pub fn of(rows: &[PodRow]) -> Vec<Self> {
        let all = rows.iter().flat_map(|row| {
            row.status.containers.iter().filter_map(|container| {
                let ContainerState::Waiting(state) = &container.state else {
                    return None;
                };
                Some(Self {
                    record: row.record.clone(),
                    container: container.name.clone(),
                    restarts: container.restarts,
                    state: state.clone(),
                    reason: container.reason.clone(),
                })
            })
        });
        all.collect()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// As the file system's.
    pub fn save(instance: &Instance, all: &[Self]) -> io::Result<()> {
        let (path, new) = (file(instance), instance.dir.join("waiting.new"));
        fs::write(&new, serde_json::to_vec(&all)?)?;
        fs::rename(new, path)
    }

    /// Reads the file of the `up` that runs; empty if none runs.
    pub fn load(instance: &Instance) -> Vec<Self> {
        let runs =
            |pid: &i32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), None).is_ok();
        if !instance.locked_by().as_ref().is_some_and(runs) {
            return Vec::new();
        }
        let text = fs::read(file(instance)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn file(instance: &Instance) -> PathBuf {
    instance.dir.join("waiting.json")
}
