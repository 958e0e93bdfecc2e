//! Why the service cannot run.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the service cannot run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A listener's address is taken or not ours.
    #[error("cannot listen on {address} ({setting})")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The setting that named it.
        setting: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread or a runtime cannot be had.
    #[error("cannot start serving")]
    Start(#[source] io::Error),
}
