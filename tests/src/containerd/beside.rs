//! Points `nodectl` at the containerd of a test.

use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a command and its children use the containerd of this directory and keep their state beside it.
pub(super) fn beside(dir: &Path, command: &mut Command) {
    command
        .env("CONTAINERD_ADDRESS", dir.join("c.sock"))
        .env("NODECTL_STATE_DIR", dir.join("run"))
        .env("NODECTL_DATA_DIR", dir.join("data"))
        .stdin(Stdio::null());
}
