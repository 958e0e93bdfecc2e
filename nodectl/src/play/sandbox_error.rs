//! Errors of a pod's network, files and volumes.

use std::io;
use std::path::PathBuf;

use crate::network;

/// Why a pod's network or files cannot be created or removed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The network failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The IPC namespace or /dev/shm failed.
    #[error("cannot {action} `{}`", path.display())]
    Shared {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file failed.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}
