//! Assembles the pods from containerd's records, tasks and images.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::try_join_all;
use prost_types::Any;

use super::cgroup::{Cgroups, Memory};
use super::cri::{
    self, CONTAINER_EXTENSION, CONTAINER_NAME, ContainerMetadata, KIND_LABEL, POD_NAME,
    POD_NAMESPACE, POD_UID, RESTART_COUNT, SANDBOX_EXTENSION, SandboxMetadata, StatusFile,
};
use super::stats::{MemoryUse, memory};
use super::{Host, NodeContainer, NodePod, State, image};
use crate::containerd::{Container, Containerd, Error, Image, Process, Sandbox, TaskState};

/// The containerd namespace of the kubelet's containers.
pub(crate) const NAMESPACE: &str = "k8s.io";

/// The state directory of containerd's CRI plugin, below containerd's root.
const CRI_STATE: &str = "io.containerd.grpc.v1.cri/containers";

/// The scheduling rounds after which calls that are awaited together have been sent: one for their
/// futures, one for the connection.
const TURNS: usize = 2;

/// The pods of the node, by namespace and name.
///
/// # Errors
/// As containerd's. A task whose shim does not answer is not an error: it is reported as stuck.
pub(crate) async fn collect(client: &Containerd, host: &Host) -> Result<Vec<NodePod>, Error> {
    Ok(Box::pin(gather(client, host, false)).await?.0)
}

/// The pods of the node, as from [`collect`], and the memory of their running containers.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn collect_with_memory(
    client: &Containerd,
    host: &Host,
) -> Result<(Vec<NodePod>, Vec<MemoryUse>), Error> {
    let (pods, known) = Box::pin(gather(client, host, true)).await?;
    let used = memory(host, &pods, &known);
    Ok((pods, used))
}

/// The pods, and if requested the memory of some containers.
async fn gather(
    client: &Containerd,
    host: &Host,
    wants_memory: bool,
) -> Result<(Vec<NodePod>, BTreeMap<String, Memory>), Error> {
    let (containers, sandboxes, images, root) = tokio::try_join!(
        client.containers(&[]),
        client.sandboxes(),
        client.images(),
        client.root_dir()
    )?;
    let mut collector = Collector {
        host,
        images,
        statuses: BTreeMap::new(),
        tasks: BTreeMap::new(),
        memory: wants_memory.then(BTreeMap::new),
    };
    collector.read_statuses(&containers, root.as_deref());
    // Most sandboxes are containers too; those of other sandbox controllers are only in the store.
    let others = sandboxes.iter().filter(|sandbox| {
        let same = |container: &Container| container.id == sandbox.id;
        !containers.iter().any(same)
    });
    let others: Vec<_> = others.collect();
    collector.ask(client, &containers, &others).await?;
    let pods = collector.pods(&containers, &others);
    Ok((pods, collector.memory.unwrap_or_default()))
}

struct Collector<'a> {
    host: &'a Host,
    images: Vec<Image>,
    /// By container, if the CRI plugin has written one.
    statuses: BTreeMap<String, StatusFile>,
    /// By container or sandbox; only those that have not finished.
    tasks: BTreeMap<String, Process>,
    /// By container, as far as it was read along with other files; `None` if not requested.
    memory: Option<BTreeMap<String, Memory>>,
}

/// The state, from the node's files, of a container that is running according to its record.
struct Looked<'c> {
    container: &'c Container,
    pid: u32,
    runs: bool,
    memory: Option<Memory>,
}

impl Collector<'_> {
    /// Queries as few tasks as possible, since each costs work in containerd and a shim. Exited containers
    /// do not change. If a pod's shim answers for its sandbox, the CRI plugin's records of its containers
    /// are trusted as long as the recorded processes exist.
    async fn ask(
        &mut self,
        client: &Containerd,
        containers: &[Container],
        others: &[&Sandbox],
    ) -> Result<(), Error> {
        let mut recorded = Vec::new();
        let mut asked = Vec::new();
        for container in containers {
            let status = self.status(&container.id);
            if status.is_running() {
                recorded.push((container, status.pid));
            } else if status.finished_at == 0 {
                asked.push(&*container.id);
            }
        }
        let processes = others.iter().map(|sandbox| client.sandbox_process(sandbox));
        // The files are read while containerd and the shims are working.
        let (tasks, processes, recorded) = tokio::try_join!(
            client.tasks(asked),
            try_join_all(processes),
            self.look_for(recorded)
        )?;
        self.tasks = tasks;
        if let Some(memory) = &mut self.memory {
            let read = recorded
                .iter()
                .filter_map(|looked| Some((looked.container.id.clone(), looked.memory?)));
            memory.extend(read);
        }
        let ids = others.iter().map(|sandbox| sandbox.id.clone());
        let known = ids.zip(processes);
        self.tasks
            .extend(known.filter_map(|(id, process)| Some((id, process?))));

        let mut unsure = Vec::new();
        for looked in recorded {
            let Looked {
                container,
                pid,
                runs,
                ..
            } = looked;
            let metadata =
                extension::<ContainerMetadata>(&container.extensions, CONTAINER_EXTENSION);
            let sandbox = self.tasks.get(&metadata.sandbox_id);
            let process = match sandbox.map(|sandbox| sandbox.state) {
                Some(TaskState::Unknown) => Some(Process::UNKNOWN),
                Some(TaskState::Running) if runs => Some(Process::running(pid)),
                _ => None,
            };
            match process {
                Some(process) => drop(self.tasks.insert(container.id.clone(), process)),
                None => unsure.push(&*container.id),
            }
        }
        let tasks = client.tasks(unsure).await?;
        self.tasks.extend(tasks);
        Ok(())
    }

    /// Checks whether the processes of containers exist and run, once the calls that are awaited together
    /// with this have been sent.
    async fn look_for<'c>(
        &self,
        recorded: Vec<(&'c Container, u32)>,
    ) -> Result<Vec<Looked<'c>>, Error> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let looked = recorded.into_iter().map(|(container, pid)| {
            // The shim has to report a paused process, or one whose ID was reused.
            let cgroups = Cgroups::of(self.host, pid, &container.id);
            let cgroups = cgroups.filter(|found| found.are_named() && !found.are_frozen());
            let wanted = cgroups.as_ref().filter(|_| self.memory.is_some());
            Looked {
                container,
                pid,
                runs: cgroups.is_some(),
                memory: wanted.and_then(Cgroups::memory),
            }
        });
        Ok(looked.collect())
    }

    fn pods(&self, containers: &[Container], sandboxes: &[&Sandbox]) -> Vec<NodePod> {
        let kind = |of: &Container| of.labels.get(KIND_LABEL).cloned().unwrap_or_default();
        let mut pods: Vec<NodePod> = containers
            .iter()
            .filter(|container| kind(container) == "sandbox")
            .map(|one| self.pod(&one.id, one.created_at, &one.extensions))
            .collect();
        pods.extend(
            sandboxes
                .iter()
                .map(|one| self.pod(&one.id, one.created_at, &one.extensions)),
        );
        for container in containers
            .iter()
            .filter(|container| kind(container) == "container")
        {
            let metadata =
                extension::<ContainerMetadata>(&container.extensions, CONTAINER_EXTENSION);
            let of = |label: &str| container.labels.get(label).cloned().unwrap_or_default();
            let uid = of(POD_UID);
            let pod = pods.iter_mut().find(|pod| {
                if metadata.sandbox_id.is_empty() {
                    pod.uid == uid
                } else {
                    pod.sandbox_id == metadata.sandbox_id
                }
            });
            let container = self.container(container, &metadata);
            match pod {
                Some(pod) => pod.containers.push(container),
                // Its sandbox is gone; it is shown nevertheless.
                None => pods.push(NodePod {
                    containers: vec![container],
                    ..without_sandbox(of(POD_NAME), of(POD_NAMESPACE), uid)
                }),
            }
        }
        for pod in &mut pods {
            pod.containers.sort_by(|one, other| {
                (&one.name, other.restarts, other.created_unix).cmp(&(
                    &other.name,
                    one.restarts,
                    one.created_unix,
                ))
            });
            let mut last = String::new();
            for container in &mut pod.containers {
                container.current = container.name != last;
                last.clone_from(&container.name);
            }
        }
        pods.sort_by(|one, other| {
            (&one.namespace, &one.name, one.created_unix).cmp(&(
                &other.namespace,
                &other.name,
                other.created_unix,
            ))
        });
        pods
    }

    fn pod(
        &self,
        id: &str,
        created_unix: Option<i64>,
        extensions: &BTreeMap<String, Any>,
    ) -> NodePod {
        let metadata = extension::<SandboxMetadata>(extensions, SANDBOX_EXTENSION);
        let (state, pid) = self.state(id);
        // A sandbox is started when it is created, so one without a task has stopped.
        let state = if state == State::Created && pid.is_none() {
            State::Exited
        } else {
            state
        };
        let named = metadata.config.metadata;
        let mut labels = metadata.config.labels;
        labels.retain(|label, _| !label.starts_with("io.kubernetes."));
        let pod = NodePod {
            sandbox_id: id.to_owned(),
            sandbox_state: state,
            sandbox_pid: pid,
            labels,
            log_directory: metadata.config.log_directory,
            created_unix,
            ..without_sandbox(named.name, named.namespace, named.uid)
        };
        if state == State::Exited {
            // Its address was released, and may be another pod's now.
            return pod;
        }
        NodePod {
            ip: metadata.ip,
            additional_ips: metadata.additional_ips,
            netns: metadata.netns,
            ..pod
        }
    }

    fn container(&self, container: &Container, metadata: &ContainerMetadata) -> NodeContainer {
        let (mut state, pid) = self.state(&container.id);
        let status = self.status(&container.id);
        let finished = status.finished_at > 0;
        // The task of an exited container may be deleted already; the record has its exit.
        if state == State::Created && finished {
            state = State::Exited;
        }
        let of_task = self.tasks.get(&container.id).and_then(|task| task.exit);
        let exit_code = match (state, finished) {
            (State::Exited, true) => u32::try_from(status.exit_code).ok(),
            (State::Exited, false) => of_task.map(|exit| exit.code),
            _ => None,
        };
        let millis = |nanos: i64| (nanos > 0).then_some(nanos / 1_000_000);
        let (image, image_digest) = image::of(&self.images, container, metadata);
        let count = metadata.config.annotations.get(RESTART_COUNT);
        NodeContainer {
            name: container
                .labels
                .get(CONTAINER_NAME)
                .cloned()
                .unwrap_or_default(),
            id: container.id.clone(),
            current: false,
            state,
            pid,
            restarts: count
                .and_then(|count| count.parse().ok())
                .unwrap_or(metadata.config.metadata.attempt),
            image,
            image_digest,
            created_unix: container.created_at,
            started_unix_ms: millis(status.started_at),
            finished_unix_ms: millis(status.finished_at)
                .or_else(|| of_task.and_then(|exit| exit.at_unix_ms)),
            exit_code,
            reason: reason(status.reason, exit_code),
            message: status.message,
            log_path: metadata.log_path.clone(),
        }
    }

    fn state(&self, id: &str) -> (State, Option<u32>) {
        let Some(process) = self.tasks.get(id) else {
            return (State::Created, None);
        };
        let state = match process.state {
            TaskState::Created => State::Created,
            TaskState::Running => State::Running,
            TaskState::Paused => State::Paused,
            TaskState::Stopped => State::Exited,
            TaskState::Unknown => State::Stuck,
        };
        (
            state,
            (state == State::Running || state == State::Paused).then_some(process.pid),
        )
    }

    fn read_statuses(&mut self, containers: &[Container], root: Option<&Path>) {
        let Some(root) = root else { return };
        for container in containers {
            let file = root.join(CRI_STATE).join(&container.id).join("status");
            let text = self.host.text(file);
            if let Some(status) = text.and_then(|text| serde_json::from_str(&text).ok()) {
                self.statuses.insert(container.id.clone(), status);
            }
        }
    }

    /// The CRI plugin's status file of a container, or zeros.
    fn status(&self, id: &str) -> StatusFile {
        self.statuses.get(id).cloned().unwrap_or_default()
    }
}

fn extension<T: serde::de::DeserializeOwned + Default>(
    extensions: &BTreeMap<String, Any>,
    name: &str,
) -> T {
    let any = extensions.get(name);
    any.and_then(|any| cri::parse(&any.value))
        .unwrap_or_default()
}

/// Why a container exited, as the CRI plugin reports it to the kubelet: it fills in what its status file
/// omits (`toCRIContainerStatus`). Empty if the exit is unknown.
fn reason(recorded: String, exit_code: Option<u32>) -> String {
    match exit_code {
        _ if !recorded.is_empty() => recorded,
        None => String::new(),
        Some(0) => "Completed".to_owned(),
        Some(_) => "Error".to_owned(),
    }
}

fn without_sandbox(name: String, namespace: String, uid: String) -> NodePod {
    NodePod {
        name,
        namespace,
        uid,
        sandbox_id: String::new(),
        sandbox_state: State::Exited,
        sandbox_pid: None,
        ip: String::new(),
        additional_ips: Vec::new(),
        netns: String::new(),
        labels: BTreeMap::new(),
        log_directory: String::new(),
        created_unix: None,
        containers: Vec::new(),
    }
}
