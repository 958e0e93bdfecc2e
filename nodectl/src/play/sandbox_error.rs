//! Errors of a pod's network, files and volumes.

use std::io;
use std::path::PathBuf;

use crate::network;

/// Why a pod's network or files cannot be created or removed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// An operation on the network failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// An operation on the IPC namespace or /dev/shm failed.
    #[error("cannot {action} `{}`", path.display())]
    Shared {
        /// The operation.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}
