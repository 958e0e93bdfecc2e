//! A node's pods and containers.

use std::collections::BTreeMap;

use serde::Serialize;

/// A pod on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NodePod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its unique ID.
    pub uid: String,
    /// Its sandbox's ID in containerd.
    pub sandbox_id: String,
    /// Its sandbox's state.
    pub sandbox_state: State,
    /// Its sandbox's process.
    pub sandbox_pid: Option<u32>,
    /// Its address; empty in the host's network.
    pub ip: String,
    /// Further addresses.
    pub additional_ips: Vec<String>,
    /// The file of its network namespace; empty in the host's.
    pub netns: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The directory of its logs.
    pub log_directory: String,
    /// When its sandbox was created, in seconds since 1970.
    pub created_unix: Option<i64>,
    /// Its containers by name, the latest start of each, then earlier ones.
    pub containers: Vec<NodeContainer>,
}

impl NodePod {
    /// The latest start of each container.
    pub(crate) fn current(&self) -> impl Iterator<Item = &NodeContainer> {
        self.containers.iter().filter(|container| container.current)
    }

    /// How often its containers were restarted.
    pub(crate) fn restarts(&self) -> u32 {
        self.current().map(|container| container.restarts).sum()
    }

    /// Its problem, as far as the node knows.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.sandbox_state == State::Stuck {
            return Some("its sandbox's shim does not answer".to_owned());
        }
        if self.containers.is_empty() {
            let why = "no container: its image is being pulled or cannot be";
            return (self.sandbox_state == State::Running).then(|| why.to_owned());
        }
        self.current().find_map(NodeContainer::problem)
    }
}

/// One start of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NodeContainer {
    /// Its name in the pod.
    pub name: String,
    /// Its ID in containerd.
    pub id: String,
    /// Whether it is the latest start of the container.
    pub current: bool,
    /// Its state.
    pub state: State,
    /// Its first process's ID on the host, if it runs.
    pub pid: Option<u32>,
    /// How often it had been restarted by then.
    pub restarts: u32,
    /// The image, by the most specific name that the node has for it.
    pub image: String,
    /// The digest of the image's manifest or index; empty if the image is gone.
    pub image_digest: String,
    /// When its record was created, in seconds since 1970.
    pub created_unix: Option<i64>,
    /// When it started, in milliseconds since 1970.
    pub started_unix_ms: Option<i64>,
    /// When it exited, in milliseconds since 1970.
    pub finished_unix_ms: Option<i64>,
    /// Its exit code, if it has exited; 128 + N if signal N killed it.
    pub exit_code: Option<u32>,
    /// Why it exited, as containerd reports it: `OOMKilled`, `Error`, `Completed`.
    pub reason: String,
    /// Details, such as the runtime's error if it could not be started.
    pub message: String,
    /// The file that its output goes to.
    pub log_path: String,
}

impl NodeContainer {
    /// Its problem, if it has one.
    pub(crate) fn problem(&self) -> Option<String> {
        match self.state {
            State::Stuck => Some(format!("{}: its shim does not answer", self.name)),
            State::Exited => self
                .exit_text()
                .map(|text| format!("{}: {text}", self.name)),
            State::Running | State::Created | State::Paused => None,
        }
    }

    /// How it exited, unless successfully.
    fn exit_text(&self) -> Option<String> {
        let code = self.exit_code?;
        let mut text = match code {
            0 => return None,
            137 => "exit 137 (SIGKILL)".to_owned(),
            139 => "exit 139 (SIGSEGV)".to_owned(),
            143 => "exit 143 (SIGTERM)".to_owned(),
            code => format!("exit {code}"),
        };
        for more in [&self.reason, &self.message] {
            if !more.is_empty() && more != "Error" {
                text.push_str(", ");
                text.push_str(more);
            }
        }
        Some(text)
    }
}

/// The state of a container or sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Created, but not started.
    Created,
    /// It runs.
    Running,
    /// It is frozen.
    Paused,
    /// It has exited.
    Exited,
    /// Its shim does not answer.
    Stuck,
}

impl State {
    /// One word for a table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
            Self::Stuck => "stuck",
        }
    }
}
