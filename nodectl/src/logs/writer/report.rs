//! Reports of a writer to the running `nodectl up`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::losses::Dropped;

/// A report of a writer to the running `nodectl up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The log.
    pub(crate) log: PathBuf,
    /// Its loss.
    pub(crate) dropped: Dropped,
}

impl Report {
    /// The name of the socket for reports, in the instance's directory.
    pub(crate) const SOCKET: &'static str = "reports";

    /// Sends it, if an `up` listens.
    pub(super) fn send(&self, instance_dir: &Path) -> io::Result<()> {
        // The path of a socket has at most 107 bytes; a directory's may be longer.
        let dir = File::open(instance_dir)?;
        let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), Self::SOCKET);
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(&serde_json::to_vec(self)?, path)?;
        Ok(())
    }
}
