//! Queries containerd and the pods' shims, and reads the node's files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::try_join_all;

use super::cgroup::{Cgroups, Memory};
use super::cri::StatusFile;
use super::records::{self, Records};
use super::stats::{MemoryUse, memory};
use super::{Host, NodePod};
use crate::containerd::{Containerd, Error, Process, Sandbox, TaskState};

/// The containerd namespace of the kubelet's containers.
pub(crate) const NAMESPACE: &str = "k8s.io";

/// The state directory of containerd's CRI plugin, below containerd's root. It has a directory for each
/// sandbox and each container.
const CRI_STATE: &str = "io.containerd.grpc.v1.cri";

/// The pods of the node, by namespace and name.
///
/// # Errors
/// As containerd's. A task whose shim does not answer is not an error: it is reported as stuck.
pub(crate) async fn collect(client: &Containerd, host: &Host) -> Result<Vec<NodePod>, Error> {
    Ok(Box::pin(gather(client, host, false)).await?.pods())
}

/// The pods of the node, as from [`collect`], and the memory of their running containers.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn collect_with_memory(
    client: &Containerd,
    host: &Host,
) -> Result<(Vec<NodePod>, Vec<MemoryUse>), Error> {
    let records = Box::pin(gather(client, host, true)).await?;
    let pods = records.pods();
    let used = memory(host, &pods, &records.memory);
    Ok((pods, used))
}

/// Queries as few tasks as possible, since each costs work in containerd and a shim: those of the
/// sandboxes. If a pod's shim answers for its sandbox, the CRI plugin's records of its containers are trusted
/// as long as the recorded processes exist. Exited containers do not change.
async fn gather(client: &Containerd, host: &Host, with_memory: bool) -> Result<Records, Error> {
    let (listed, stored, images, early) = tokio::try_join!(
        client.containers(&[]),
        client.sandboxes(),
        client.images(),
        Early::gather(client, host, with_memory),
    )?;
    let (mut sandboxes, mut containers) = records::of_containers(listed);
    // Most sandboxes are containers too; those of other sandbox controllers are only in the store.
    let is_container = |one: &Sandbox| sandboxes.iter().any(|sandbox| sandbox.id == one.id);
    let others: Vec<_> = stored
        .into_iter()
        .filter(|one| !is_container(one))
        .collect();

    let Early {
        asked,
        mut tasks,
        mut found,
    } = early;
    let late = sandboxes.iter().map(|sandbox| &*sandbox.id);
    let (late, processes) = tokio::try_join!(
        client.tasks(late.filter(|id| !asked.contains(*id))),
        try_join_all(others.iter().map(|sandbox| client.sandbox_process(sandbox))),
    )?;
    tasks.extend(late);
    for (sandbox, process) in others.into_iter().zip(processes) {
        match process {
            Some(process) => drop(tasks.insert(sandbox.id.clone(), process)),
            None => drop(tasks.remove(&sandbox.id)),
        }
        sandboxes.push(sandbox.into());
    }

    let mut memory = BTreeMap::new();
    let mut unsure = Vec::new();
    for container in &mut containers {
        let id = &container.id;
        let found = found.remove(id).unwrap_or_default();
        memory.extend(found.memory.map(|memory| (id.clone(), memory)));
        let sandbox = tasks.get(&container.metadata.sandbox_id);
        let process = match sandbox.map(|sandbox| sandbox.state) {
            _ if found.status.finished_at > 0 => None,
            Some(TaskState::Unknown) => Some(Process::UNKNOWN),
            Some(TaskState::Running) if found.runs => Some(Process::running(found.status.pid)),
            _ => {
                unsure.push(id.clone());
                None
            }
        };
        tasks.extend(process.map(|process| (id.clone(), process)));
        container.status = found.status;
    }
    tasks.extend(client.tasks(unsure.iter().map(String::as_str)).await?);
    Ok(Records {
        images,
        sandboxes,
        containers,
        tasks,
        memory,
    })
}

/// The results of calls and reads for which the CRI plugin's directories suffice, while containerd lists its
/// containers. A sandbox or container may be missing here, and may be gone from containerd.
#[derive(Default)]
struct Early {
    /// The sandboxes whose tasks were queried.
    asked: BTreeSet<String>,
    /// By sandbox; those that have one.
    tasks: BTreeMap<String, Process>,
    /// By container.
    found: BTreeMap<String, Found>,
}

/// What the node's files say about a container.
#[derive(Default)]
struct Found {
    /// The CRI plugin's status file, or zeros.
    status: StatusFile,
    /// Whether the recorded process exists and is not paused.
    runs: bool,
    memory: Option<Memory>,
}

impl Early {
    async fn gather(client: &Containerd, host: &Host, with_memory: bool) -> Result<Self, Error> {
        let Some(root) = client.root_dir().await? else {
            return Ok(Self::default());
        };
        let ids = |kind: &str| host.directories(root.join(CRI_STATE).join(kind));
        let asked: BTreeSet<_> = ids("sandboxes").into_iter().collect();
        let (tasks, found) = tokio::try_join!(
            client.tasks(asked.iter().map(String::as_str)),
            find_all(host, &root, ids("containers"), with_memory),
        )?;
        Ok(Self {
            asked,
            tasks,
            found,
        })
    }
}

/// Reads the files of containers. It yields before each one to the calls that are awaited together with
/// this, so that the files are read while containerd and the shims are working.
async fn find_all(
    host: &Host,
    root: &Path,
    ids: Vec<String>,
    with_memory: bool,
) -> Result<BTreeMap<String, Found>, Error> {
    let mut all = BTreeMap::new();
    for id in ids {
        tokio::task::yield_now().await;
        let found = Found::read(host, root, &id, with_memory);
        all.insert(id, found);
    }
    Ok(all)
}

impl Found {
    fn read(host: &Host, root: &Path, id: &str, with_memory: bool) -> Self {
        let directory = root.join(CRI_STATE).join("containers").join(id);
        let text = host.text(directory.join("status"));
        let status: StatusFile = text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        // The shim has to report a paused process, or one whose ID was reused.
        let cgroups = status
            .is_running()
            .then(|| Cgroups::of(host, status.pid, id))
            .flatten()
            .filter(|found| found.are_named() && !found.are_frozen());
        let wanted = cgroups.as_ref().filter(|_| with_memory);
        Self {
            runs: cgroups.is_some(),
            memory: wanted.and_then(Cgroups::memory),
            status,
        }
    }
}
