//! The observed state: pods, from containerd's records and tasks.

use std::collections::BTreeMap;

use super::record::{PodRecord, labels};
use crate::containerd::{Containerd, Error, Process, TaskState};

/// An observed pod.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The record from its creation.
    pub record: PodRecord,
    /// All starts of its containers.
    pub containers: Vec<ObservedContainer>,
}

impl Observed {
    /// Whether one of its shims does not answer, so that its state is unknown.
    pub fn stuck(&self) -> bool {
        self.containers
            .iter()
            .any(|one| one.state() == Some(TaskState::Unknown))
    }

    /// How many of its containers run.
    pub fn running(&self) -> usize {
        let running = |one: &&ObservedContainer| one.pid().is_some();
        self.containers.iter().filter(running).count()
    }
}

impl ObservedContainer {
    fn state(&self) -> Option<TaskState> {
        self.process.map(|process| process.state)
    }

    /// The ID of its first process on the host, while it runs or is paused.
    pub fn pid(&self) -> Option<u32> {
        self.process
            .filter(|process| matches!(process.state, TaskState::Running | TaskState::Paused))
            .map(|process| process.pid)
    }
}

/// One start of a container.
#[derive(Clone, Debug)]
pub struct ObservedContainer {
    /// Its ID in containerd.
    pub id: String,
    /// Its name in the pod.
    pub name: String,
    /// How often the container had been restarted by then.
    pub restarts: u32,
    /// When its record was created, in seconds since 1970.
    pub created_at: Option<i64>,
    /// Its task, if it has one.
    pub process: Option<Process>,
}

/// Lists the pods of an instance by name, and the IDs of containers that have its label but belong to no
/// pod.
///
/// # Errors
/// As containerd's.
pub async fn observe(
    client: &Containerd,
    instance: &str,
) -> Result<(Vec<Observed>, Vec<String>), Error> {
    observe_expected(client, instance, &[]).await
}

/// As [`observe`]. The tasks of the `expected` containers are queried while containerd lists the containers.
///
/// # Errors
/// As containerd's.
pub async fn observe_expected(
    client: &Containerd,
    instance: &str,
    expected: &[String],
) -> Result<(Vec<Observed>, Vec<String>), Error> {
    let filter = format!("labels.\"{}\"=={instance}", labels::INSTANCE);
    let filters = [filter];
    let (containers, mut tasks) = tokio::try_join!(
        client.containers(&filters),
        client.tasks(expected.iter().map(String::as_str))
    )?;
    let ids = containers.iter().map(|one| &*one.id);
    let others: Vec<_> = ids.filter(|id| !tasks.contains_key(*id)).collect();
    tasks.extend(client.tasks(others).await?);
    let mut pods: BTreeMap<String, Observed> = BTreeMap::new();
    let mut strays = Vec::new();
    for container in containers {
        let record = container
            .extensions
            .get(labels::EXTENSION)
            .and_then(|any| serde_json::from_slice::<PodRecord>(&any.value).ok());
        let name = container.labels.get(labels::CONTAINER).cloned();
        let (Some(record), Some(name)) = (record, name) else {
            strays.push(container.id);
            continue;
        };
        let restarts = container
            .labels
            .get(labels::RESTARTS)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let process = tasks.get(&container.id).copied();
        let created_at = container.created_at();
        pods.entry(record.name.clone())
            .or_insert_with(|| Observed {
                record,
                containers: Vec::new(),
            })
            .containers
            .push(ObservedContainer {
                id: container.id,
                name,
                restarts,
                created_at,
                process,
            });
    }
    Ok((pods.into_values().collect(), strays))
}
