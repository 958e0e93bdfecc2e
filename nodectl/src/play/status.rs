//! What a worker reports of its pod.

use std::net::Ipv4Addr;

/// A container now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// It does not run yet, or not again yet; the text says why.
    Waiting(String),
    /// It runs.
    Running {
        /// Its first process's ID on the host.
        pid: u32,
    },
    /// It exited.
    Exited {
        /// Its exit status; 128 + N if signal N terminated it.
        code: u32,
        /// The kernel killed it for its memory.
        oom: bool,
    },
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    /// Its name in the pod.
    pub name: String,
    /// What it does.
    pub state: ContainerState,
    /// How often it was restarted.
    pub restarts: u32,
    /// It runs, has started, and passes its readiness probe.
    pub ready: bool,
    /// Why it is not, if a probe says so.
    pub reason: Option<String>,
}

/// A pod now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// Its containers, in the template's order.
    pub containers: Vec<ContainerStatus>,
    /// Its address, once it has one.
    pub address: Option<Ipv4Addr>,
    /// It is terminating.
    pub terminating: bool,
    /// Nothing of it is left.
    pub gone: bool,
}

impl PodStatus {
    /// All its containers are ready, and it is not terminating.
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
