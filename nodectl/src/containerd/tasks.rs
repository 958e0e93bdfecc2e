//! Tasks: the running part of a container.

use std::collections::BTreeMap;
use std::time::Duration;

use containerd_client::services::v1 as proto;
use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::tonic::transport::Channel;
use containerd_client::types::v1::Status;
use containerd_client::types::{Metric, Mount};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::client::MAX_MESSAGE_BYTES;
use super::{Containerd, Error};

/// Creating a task starts a shim and runs runc: about 60 ms, or seconds when forty start at once.
const CREATE_DEADLINE: Duration = Duration::from_mins(1);

/// containerd times out on a shim after 2 s (`io.containerd.timeout.task.state`, 1.6 to 2.4); a little
/// longer lets that error arrive.
pub(super) const STATE_DEADLINE: Duration = Duration::from_secs(3);

/// Concurrent queries of tasks: more than a machine has stuck shims, few enough for one connection.
const TASKS_AT_ONCE: usize = 128;

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Created but not started.
    Created,
    /// Its first process runs.
    Running,
    /// Its first process has exited.
    Stopped,
    /// Frozen, or being frozen.
    Paused,
    /// The shim does not answer: it may be stuck or dead.
    Unknown,
}

impl TaskState {
    /// One word for a table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Unknown => "stuck",
        }
    }
}

/// How and when a task's first process exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitInfo {
    /// Its exit code; 128 + N if signal N killed it.
    pub code: u32,
    /// When, in milliseconds since 1970; `None` if containerd does not know.
    pub at_unix_ms: Option<i64>,
}

impl ExitInfo {
    pub(super) fn new(code: u32, at: Option<prost_types::Timestamp>) -> Self {
        let at_unix_ms = at
            .filter(|at| at.seconds > 0)
            .map(|at| at.seconds * 1000 + i64::from(at.nanos) / 1_000_000);
        Self { code, at_unix_ms }
    }
}

/// A task as containerd sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The first process's ID on the host.
    pub pid: u32,
    /// Its state.
    pub state: TaskState,
    /// How it exited, if it is stopped.
    pub exit: Option<ExitInfo>,
}

impl Process {
    /// A task whose shim does not answer.
    pub(crate) const UNKNOWN: Self = Self {
        pid: 0,
        state: TaskState::Unknown,
        exit: None,
    };

    /// A task whose first process runs.
    pub(crate) fn running(pid: u32) -> Self {
        Self {
            pid,
            state: TaskState::Running,
            exit: None,
        }
    }
}

impl From<&containerd_client::types::v1::Process> for Process {
    fn from(process: &containerd_client::types::v1::Process) -> Self {
        let state = match process.status() {
            Status::Created => TaskState::Created,
            Status::Running => TaskState::Running,
            Status::Stopped => TaskState::Stopped,
            Status::Paused | Status::Pausing => TaskState::Paused,
            Status::Unknown => TaskState::Unknown,
        };
        let exit = (state == TaskState::Stopped)
            .then(|| ExitInfo::new(process.exit_status, process.exited_at));
        Self {
            pid: process.pid,
            state,
            exit,
        }
    }
}

impl Containerd {
    pub(super) fn tasks_client(&self) -> TasksClient<Channel> {
        TasksClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Creates the task of a container, with both output streams to the shim's log URI (`file://` or
    /// `binary://`), and returns its first process's ID.
    ///
    /// # Errors
    /// As the call's; the caller has to delete a task that was partly created.
    pub async fn create_task(&self, id: &str, rootfs: Vec<Mount>, log: &str) -> Result<u32, Error> {
        let request = proto::CreateTaskRequest {
            container_id: id.to_owned(),
            rootfs,
            stdout: log.to_owned(),
            stderr: log.to_owned(),
            ..proto::CreateTaskRequest::default()
        };
        let mut client = self.tasks_client();
        let answer = self
            .call_within(
                CREATE_DEADLINE,
                "Tasks.Create",
                id,
                client.create(self.request(request)),
            )
            .await?;
        Ok(answer.pid)
    }

    /// Starts a created task.
    ///
    /// # Errors
    /// As the call's.
    pub async fn start_task(&self, id: &str) -> Result<(), Error> {
        let request = proto::StartRequest {
            container_id: id.to_owned(),
            exec_id: String::new(),
        };
        let mut client = self.tasks_client();
        self.call_within(
            CREATE_DEADLINE,
            "Tasks.Start",
            id,
            client.start(self.request(request)),
        )
        .await?;
        Ok(())
    }

    /// The task of a container, if it has one; [`TaskState::Unknown`] if its shim does not answer.
    ///
    /// # Errors
    /// As the call's.
    pub async fn task(&self, id: &str) -> Result<Option<Process>, Error> {
        let request = proto::GetRequest {
            container_id: id.to_owned(),
            exec_id: String::new(),
        };
        let mut client = self.tasks_client();
        let answer = client.get(self.request(request));
        match self
            .call_within(STATE_DEADLINE, "Tasks.Get", id, answer)
            .await
        {
            Ok(answer) => Ok(answer.process.as_ref().map(Into::into)),
            Err(error) if error.is_not_found() => Ok(None),
            // containerd 2.3 and later return the shim's failure; earlier versions report "unknown".
            Err(error) if error.is_stuck_shim() => Ok(Some(Process::UNKNOWN)),
            Err(error) => Err(error),
        }
    }

    /// The tasks of several containers, by container; those without a task are omitted.
    ///
    /// Each is queried separately, in parallel, with its own deadline: `Tasks.List` queries the shims one
    /// after the other, 2 s for each stuck one, and from containerd 2.3 on omits such a task as if it did
    /// not exist.
    ///
    /// # Errors
    /// The first error that leaves a task's state unknown, as when containerd itself is gone.
    pub async fn tasks<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, Process>, Error> {
        let answers = stream::iter(ids).map(async |id| {
            let process = self.task(id).await?;
            Ok::<_, Error>(process.map(|process| (id.to_owned(), process)))
        });
        let answers = answers.buffer_unordered(TASKS_AT_ONCE);
        let found: Vec<_> = answers.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Waits for a task to exit, without a deadline: it may run for years.
    ///
    /// # Errors
    /// As the call's. After an error that [`Error::is_unavailable`], the task may still run.
    pub async fn wait_task(&self, id: &str) -> Result<ExitInfo, Error> {
        let request = proto::WaitRequest {
            container_id: id.to_owned(),
            exec_id: String::new(),
        };
        let mut client = self.tasks_client();
        match client.wait(self.request(request)).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                Ok(ExitInfo::new(answer.exit_status, answer.exited_at))
            }
            Err(status) => Err(Error::status("Tasks.Wait", id, self.address(), &status)),
        }
    }

    /// Sends a signal to a task's first process, or to all of its processes. It is not an error if the task
    /// has exited or does not exist.
    ///
    /// # Errors
    /// As the call's.
    pub async fn kill_task(&self, id: &str, signal: i32, all: bool) -> Result<(), Error> {
        let request = proto::KillRequest {
            container_id: id.to_owned(),
            exec_id: String::new(),
            signal: u32::try_from(signal).unwrap_or(0),
            all,
        };
        let mut client = self.tasks_client();
        match self
            .call("Tasks.Kill", id, client.kill(self.request(request)))
            .await
        {
            Err(error) if error.is_not_found() || error.is_failed_precondition() => Ok(()),
            result => result,
        }
    }

    /// Deletes a stopped task; a missing one is not an error.
    ///
    /// # Errors
    /// As the call's; [`Error::is_failed_precondition`] if it still runs.
    pub async fn delete_task(&self, id: &str) -> Result<(), Error> {
        let request = proto::DeleteTaskRequest {
            container_id: id.to_owned(),
        };
        let mut client = self.tasks_client();
        match self
            .call("Tasks.Delete", id, client.delete(self.request(request)))
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            result => result.map(drop),
        }
    }

    /// Raw metrics of one task; their type depends on the cgroup version.
    ///
    /// # Errors
    /// As the call's.
    pub async fn metrics(&self, id: &str) -> Result<Option<Metric>, Error> {
        let request = proto::MetricsRequest {
            filters: vec![format!("id=={id}")],
        };
        let mut client = self.tasks_client();
        let answer = self
            .call("Tasks.Metrics", id, client.metrics(self.request(request)))
            .await?;
        Ok(answer.metrics.into_iter().next())
    }
}
