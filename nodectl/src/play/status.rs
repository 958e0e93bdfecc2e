//! The status of a pod, as its worker reports it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The state of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerState {
    /// It waits to be started or restarted, for this reason.
    Waiting(String),
    /// It runs.
    Running {
        /// The ID of its first process on the host.
        pid: u32,
    },
    /// It exited.
    Exited {
        /// Its exit code; 128 + N if signal N terminated it.
        code: u32,
        /// Whether the kernel OOM-killed it.
        oom: bool,
    },
}

/// The status of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// Its name in the pod.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// How often it was restarted.
    pub restarts: u32,
    /// Whether it runs, its startup probe has succeeded, and its readiness probe succeeds.
    pub ready: bool,
    /// Why it is not ready, or does not run.
    pub reason: Option<String>,
}

/// The status of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodStatus {
    /// Its containers, in the template's order.
    pub containers: Vec<ContainerStatus>,
    /// Its address, once it has one.
    pub address: Option<Ipv4Addr>,
    /// Whether it is terminating.
    pub terminating: bool,
    /// Whether it was removed completely.
    pub gone: bool,
}

impl PodStatus {
    /// Whether all its containers are ready, and it is not terminating.
    pub fn ready(&self) -> bool {
        !self.terminating && !self.gone && self.containers.iter().all(|container| container.ready)
    }

    /// How often its containers were restarted.
    pub fn restarts(&self) -> u32 {
        self.containers
            .iter()
            .map(|container| container.restarts)
            .sum()
    }

    /// A word or two for a table.
    pub fn summary(&self) -> String {
        if self.terminating {
            return "Terminating".to_owned();
        }
        let waiting = self
            .containers
            .iter()
            .find_map(|container| match &container.state {
                ContainerState::Waiting(reason) => Some(reason.clone()),
                ContainerState::Exited { oom: true, .. } => Some("OOMKilled".to_owned()),
                ContainerState::Exited { code, .. } => Some(format!("Exited ({code})")),
                ContainerState::Running { .. } => None,
            });
        waiting.unwrap_or_else(|| "Running".to_owned())
    }
}
