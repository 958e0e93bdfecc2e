//! The sandbox store and the sandbox controllers, from containerd 1.7 on.

use std::collections::BTreeMap;

use containerd_client::services::v1::sandbox as proto;
use containerd_client::services::v1::sandbox::controller_client::ControllerClient;
use containerd_client::services::v1::sandbox::store_client::StoreClient;
use containerd_client::tonic::Code;
use prost_types::Any;

use super::client::MAX_MESSAGE_BYTES;
use super::tasks::STATE_DEADLINE;
use super::{Containerd, Error, Process, TaskState};

/// A record of the sandbox store.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// Its name.
    pub id: String,
    /// The controller that runs it: `podsandbox`, `shim`, or a plugin's name.
    pub sandboxer: String,
    /// When the record was created, in seconds since 1970.
    pub created_at: Option<i64>,
    /// Further data, by name.
    pub extensions: BTreeMap<String, Any>,
}

impl Containerd {
    /// The records of the sandbox store; none if containerd has no such store.
    ///
    /// # Errors
    /// As the call's.
    pub async fn sandboxes(&self) -> Result<Vec<Sandbox>, Error> {
        let mut client =
            StoreClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let request = self.request(proto::StoreListRequest::default());
        match self.call("Sandboxes.List", "", client.list(request)).await {
            Ok(answer) => Ok(answer.list.into_iter().map(Into::into).collect()),
            Err(Error::Status {
                code: Code::Unimplemented,
                ..
            }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A sandbox's process, as its controller reports it; compare [`Containerd::task`].
    ///
    /// # Errors
    /// As the call's.
    pub async fn sandbox_process(&self, sandbox: &Sandbox) -> Result<Option<Process>, Error> {
        let mut client = ControllerClient::new(self.channel.clone());
        let request = self.request(proto::ControllerStatusRequest {
            sandbox_id: sandbox.id.clone(),
            verbose: false,
            sandboxer: sandbox.sandboxer.clone(),
        });
        let status = client.status(request);
        match self
            .call_within(STATE_DEADLINE, "Sandbox.Status", &sandbox.id, status)
            .await
        {
            // The controller `shim`, for a sandbox without a shim.
            Ok(answer) if answer.state.is_empty() && answer.pid == 0 => Ok(None),
            Ok(answer) => Ok(Some(Process {
                pid: answer.pid,
                state: state(&answer.state),
                exit: None,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            // An error of a shim concerns only its own sandbox.
            Err(Error::Status { .. } | Error::Deadline { .. }) => Ok(Some(Process::UNKNOWN)),
            Err(error) => Err(error),
        }
    }
}

impl From<containerd_client::types::Sandbox> for Sandbox {
    fn from(sandbox: containerd_client::types::Sandbox) -> Self {
        Self {
            id: sandbox.sandbox_id,
            sandboxer: sandbox.sandboxer,
            created_at: sandbox.created_at.map(|at| at.seconds),
            extensions: sandbox.extensions.into_iter().collect(),
        }
    }
}

/// A controller's name for a sandbox's state: CRI's, or a task's. The CRI plugin takes every other name
/// for not ready.
fn state(word: &str) -> TaskState {
    match word {
        "SANDBOX_READY" | "RUNNING" => TaskState::Running,
        "CREATED" => TaskState::Created,
        "SANDBOX_UNKNOWN" => TaskState::Unknown,
        _ => TaskState::Stopped,
    }
}
