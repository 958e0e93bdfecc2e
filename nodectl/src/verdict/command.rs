//! The errors of commands.

use cli::{Exit, ExitError};

use super::library::{layout_exit, layout_hint};
use crate::commands::CommandError;

impl ExitError for CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Reference(_) | Self::NoSuchPod { .. } => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
            Self::Input(error) => error.exit(),
            Self::Read(error) => error.exit(),
            Self::Check(error) => error.exit(),
            Self::Containerd(error) => error.exit(),
            Self::Layout(error) => layout_exit(error),
            Self::ContainerImage { source, .. } => layout_exit(source),
            Self::Import { source, .. } => source.exit(),
            Self::Lookup(error) => error.exit(),
            Self::User { source, .. } => source.exit(),
            Self::Instance(error) => error.exit(),
            Self::Bind(error) => error.exit(),
            Self::Network(error) => error.exit(),
            Self::Adopt(error) | Self::Remove(error) => error.exit(),
            Self::Select(error) => error.exit(),
            Self::NoSuchImages { .. }
            | Self::NotStarted { .. }
            | Self::RemoveDir { .. }
            | Self::Signals(_)
            | Self::Stop { .. }
            | Self::StillRunning { .. }
            | Self::Log { .. }
            | Self::Balancer(_)
            | Self::Runtime(_)
            | Self::Stdout(_) => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage(error) => error.hint.clone(),
            Self::NoSuchPod { .. } => Some("`nodectl ps` lists them".to_owned()),
            Self::Input(error) => error.hint(),
            Self::Read(error) => error.hint(),
            Self::Check(error) => error.hint(),
            Self::Containerd(error) => error.hint(),
            Self::Layout(error) => layout_hint(error),
            Self::ContainerImage { source, .. } => layout_hint(source),
            Self::Import { source, .. } => source.hint(),
            Self::Lookup(error) => error.hint(),
            Self::User { source, .. } => source.hint(),
            Self::Instance(error) => error.hint(),
            Self::Bind(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Adopt(error) | Self::Remove(error) => error.hint(),
            Self::Select(error) => error.hint(),
            Self::StillRunning { .. } => {
                Some("it is still stopping pods: wait longer with --wait SECONDS".to_owned())
            }
            Self::NoSuchImages { .. } => Some("`nodectl images list` lists them".to_owned()),
            Self::Interrupted
            | Self::NotStarted { .. }
            | Self::Reference(_)
            | Self::RemoveDir { .. }
            | Self::Signals(_)
            | Self::Stop { .. }
            | Self::Log { .. }
            | Self::Balancer(_)
            | Self::Runtime(_)
            | Self::Stdout(_) => None,
        }
    }
}
