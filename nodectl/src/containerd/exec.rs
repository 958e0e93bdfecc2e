//! Additional processes in a running task.

use std::path::Path;
use std::time::Duration;

use containerd_client::services::v1 as proto;
use prost_types::Any;

use super::{Containerd, Error, ExitInfo};

/// The type URL under which containerd expects a process of a runtime spec as JSON.
const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";

/// How long a call waits for a process to exit; callers repeat it if they still wait.
const WAIT_DEADLINE: Duration = Duration::from_hours(1);

impl Containerd {
    /// Starts an additional process in a task. `output` is the FIFO that gets what it prints, to standard
    /// output and standard error; without one, that is discarded.
    ///
    /// # Errors
    /// As the calls'.
    pub async fn start_exec(
        &self,
        id: &str,
        exec_id: &str,
        process_json: Vec<u8>,
        output: Option<&Path>,
    ) -> Result<(), Error> {
        let output = output.map(|path| path.display().to_string());
        let output = output.unwrap_or_default();
        let request = proto::ExecProcessRequest {
            container_id: id.to_owned(),
            exec_id: exec_id.to_owned(),
            spec: Some(Any {
                type_url: PROCESS_TYPE.to_owned(),
                value: process_json,
            }),
            stdout: output.clone(),
            stderr: output,
            ..proto::ExecProcessRequest::default()
        };
        let mut client = self.tasks_client();
        self.call("Tasks.Exec", id, client.exec(self.request(request)))
            .await?;
        let request = proto::StartRequest {
            container_id: id.to_owned(),
            exec_id: exec_id.to_owned(),
        };
        self.call("Tasks.Start", id, client.start(self.request(request)))
            .await?;
        Ok(())
    }

    /// Waits for such a process to exit.
    ///
    /// # Errors
    /// As the call's.
    pub async fn wait_exec(&self, id: &str, exec_id: &str) -> Result<ExitInfo, Error> {
        let request = proto::WaitRequest {
            container_id: id.to_owned(),
            exec_id: exec_id.to_owned(),
        };
        let mut client = self.tasks_client();
        let answer = self
            .call_within(
                WAIT_DEADLINE,
                "Tasks.Wait",
                id,
                client.wait(self.request(request)),
            )
            .await?;
        Ok(ExitInfo::new(answer.exit_status, answer.exited_at))
    }

    /// Kills such a process with SIGKILL.
    ///
    /// # Errors
    /// As the call's.
    pub async fn kill_exec(&self, id: &str, exec_id: &str) -> Result<(), Error> {
        let request = proto::KillRequest {
            container_id: id.to_owned(),
            exec_id: exec_id.to_owned(),
            signal: nix::libc::SIGKILL.cast_unsigned(),
            all: false,
        };
        let mut client = self.tasks_client();
        self.call("Tasks.Kill", id, client.kill(self.request(request)))
            .await?;
        Ok(())
    }

    /// Deletes such a process after its exit.
    ///
    /// # Errors
    /// As the call's.
    pub async fn delete_exec(&self, id: &str, exec_id: &str) -> Result<(), Error> {
        let request = proto::DeleteProcessRequest {
            container_id: id.to_owned(),
            exec_id: exec_id.to_owned(),
        };
        let mut client = self.tasks_client();
        self.call(
            "Tasks.DeleteProcess",
            id,
            client.delete_process(self.request(request)),
        )
        .await?;
        Ok(())
    }
}
