//! Why the service cannot run.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the service cannot run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A listener's address is in use or not local.
    #[error("cannot listen on {address} ({setting})")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Its setting.
        setting: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
    /// The limit of file descriptors is lower than what the settings need.
    #[error(
        "{needed} file descriptors are needed for APP_MAX_CONNECTIONS={connections}, and the process may \
         open {allowed} (RLIMIT_NOFILE): raise the limit, or lower the setting"
    )]
    Descriptors {
        /// What the settings need.
        needed: u64,
        /// What the process may open at most.
        allowed: u64,
        /// The connection limit of the settings.
        connections: usize,
    },
    /// The memory budget is smaller than what one request takes.
    #[error(
        "one request of APP_MAX_BODY_BYTES takes {needed} bytes, and {allowed} may be held for clients \
         (APP_MEMORY_BUDGET, or half of the cgroup's limit): raise the limit, or lower the setting"
    )]
    Memory {
        /// What one request takes.
        needed: u64,
        /// The budget.
        allowed: u64,
    },
    /// A thread or a runtime cannot be created.
    #[error("cannot start serving")]
    Start(#[source] io::Error),
}
