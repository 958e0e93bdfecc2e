//! Errors of the container engine.

use cli::{Exit, ExitError};

use crate::engine::EngineError;

impl ExitError for EngineError {
    fn exit(&self) -> Exit {
        match self {
            Self::Host { .. } | Self::NoSuchImage { .. } => Exit::Usage,
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Damaged { .. } => Exit::Mismatch,
            Self::Status { .. } | Self::Load { .. } | Self::Read { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Host { .. } => "write a tar with `tar:FILE`; `docker load` works with any engine",
            Self::Unreachable { .. } => {
                "start it, or set DOCKER_HOST; podman: `systemctl start podman.socket` and \
                 DOCKER_HOST=unix:///run/podman/podman.sock"
            }
            Self::NoSuchImage { .. } => "`docker images` lists the available ones",
            Self::Damaged { .. } | Self::Status { .. } | Self::Load { .. } | Self::Read { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}
