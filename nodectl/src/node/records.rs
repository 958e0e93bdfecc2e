//! The records of containerd and its CRI plugin, assembled into pods.

use std::collections::BTreeMap;

use prost_types::Any;

use super::cgroup::Memory;
use super::cri::{
    self, CONTAINER_EXTENSION, CONTAINER_NAME, ContainerMetadata, KIND_LABEL, POD_NAME,
    POD_NAMESPACE, POD_UID, RESTART_COUNT, SANDBOX_EXTENSION, SandboxMetadata, StatusFile,
};
use super::{NodeContainer, NodePod, State, image};
use crate::containerd::{Container, Image, Labels, Process, Sandbox, TaskState};

/// The record of a sandbox.
pub(super) struct SandboxRecord {
    pub(super) id: String,
    created_unix: Option<i64>,
    metadata: SandboxMetadata,
}

/// The record of a container.
pub(super) struct ContainerRecord {
    pub(super) id: String,
    /// The image it was created from.
    pub(super) image: String,
    labels: Labels,
    created_unix: Option<i64>,
    pub(super) metadata: ContainerMetadata,
    /// The CRI plugin's status file, or zeros.
    pub(super) status: StatusFile,
}

/// The sandboxes and the containers among containerd's containers.
pub(super) fn of_containers(all: Vec<Container>) -> (Vec<SandboxRecord>, Vec<ContainerRecord>) {
    let (mut sandboxes, mut containers) = (Vec::new(), Vec::new());
    for one in all {
        match one.labels.get(KIND_LABEL).map(String::as_str) {
            Some("sandbox") => sandboxes.push(SandboxRecord {
                created_unix: one.created_at(),
                metadata: extension(&one.extensions, SANDBOX_EXTENSION),
                id: one.id,
            }),
            Some("container") => containers.push(ContainerRecord {
                created_unix: one.created_at(),
                metadata: extension(&one.extensions, CONTAINER_EXTENSION),
                id: one.id,
                image: one.image,
                labels: one.labels,
                status: StatusFile::default(),
            }),
            _ => {}
        }
    }
    (sandboxes, containers)
}

impl From<Sandbox> for SandboxRecord {
    fn from(sandbox: Sandbox) -> Self {
        Self {
            created_unix: sandbox.created_at,
            metadata: extension(&sandbox.extensions, SANDBOX_EXTENSION),
            id: sandbox.id,
        }
    }
}

impl ContainerRecord {
    fn label(&self, name: &str) -> String {
        self.labels.get(name).cloned().unwrap_or_default()
    }
}

/// All records of a node.
pub(super) struct Records {
    pub(super) images: Vec<Image>,
    pub(super) sandboxes: Vec<SandboxRecord>,
    pub(super) containers: Vec<ContainerRecord>,
    /// By container or sandbox; only those that have not finished.
    pub(super) tasks: BTreeMap<String, Process>,
    /// By container, as far as it was read along with other files.
    pub(super) memory: BTreeMap<String, Memory>,
}

impl Records {
    /// The pods, by namespace and name.
    pub(super) fn pods(&self) -> Vec<NodePod> {
        let mut pods: Vec<_> = self.sandboxes.iter().map(|one| self.pod(one)).collect();
        for record in &self.containers {
            let uid = record.label(POD_UID);
            let sandbox_id = &record.metadata.sandbox_id;
            let pod = pods.iter_mut().find(|pod| {
                if sandbox_id.is_empty() {
                    pod.uid == uid
                } else {
                    pod.sandbox_id == *sandbox_id
                }
            });
            let container = self.container(record);
            match pod {
                Some(pod) => pod.containers.push(container),
                // Its sandbox is gone; it is shown nevertheless.
                None => pods.push(NodePod {
                    containers: vec![container],
                    ..without_sandbox(record.label(POD_NAME), record.label(POD_NAMESPACE), uid)
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

    fn pod(&self, record: &SandboxRecord) -> NodePod {
        let metadata = record.metadata.clone();
        let (state, pid) = self.state(&record.id);
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
            sandbox_id: record.id.clone(),
            sandbox_state: state,
            sandbox_pid: pid,
            labels,
            log_directory: metadata.config.log_directory,
            created_unix: record.created_unix,
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

    fn container(&self, record: &ContainerRecord) -> NodeContainer {
        let (metadata, status) = (&record.metadata, &record.status);
        let (mut state, pid) = self.state(&record.id);
        let finished = status.finished_at > 0;
        // The task of an exited container may be deleted already; the record has its exit.
        if state == State::Created && finished {
            state = State::Exited;
        }
        let of_task = self.tasks.get(&record.id).and_then(|task| task.exit);
        let exit_code = match (state, finished) {
            (State::Exited, true) => u32::try_from(status.exit_code).ok(),
            (State::Exited, false) => of_task.map(|exit| exit.code),
            _ => None,
        };
        let millis = |nanos: i64| (nanos > 0).then_some(nanos / 1_000_000);
        let (image, image_digest) = image::of(&self.images, &record.image, metadata);
        let count = metadata.config.annotations.get(RESTART_COUNT);
        NodeContainer {
            name: record.label(CONTAINER_NAME),
            id: record.id.clone(),
            current: false,
            state,
            pid,
            restarts: count
                .and_then(|count| count.parse().ok())
                .unwrap_or(metadata.config.metadata.attempt),
            image,
            image_digest,
            created_unix: record.created_unix,
            started_unix_ms: millis(status.started_at),
            finished_unix_ms: millis(status.finished_at)
                .or_else(|| of_task.and_then(|exit| exit.at_unix_ms)),
            exit_code,
            reason: reason(&status.reason, exit_code),
            message: status.message.clone(),
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
fn reason(recorded: &str, exit_code: Option<u32>) -> String {
    let reason = match exit_code {
        _ if !recorded.is_empty() => recorded,
        None => "",
        Some(0) => "Completed",
        Some(_) => "Error",
    };
    reason.to_owned()
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
