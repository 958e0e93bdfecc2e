//! The errors of the library.

use std::io;

use cli::{Exit, ExitError};
use oci::Mismatch;
use oci::layout::{LayoutError, LayoutErrorKind};

use crate::containerd;
use crate::images::{ImportError, LookupError};
use crate::manifest::{CheckError, ReadError};
use crate::network;
use crate::node::SelectError;
use crate::play::{InstanceError, SandboxError, SweepError};
use crate::publish::BindError;
use crate::spec::UserError;

const DAMAGED: &str = "the layout is damaged: build the image again";

#[expect(clippy::unnecessary_wraps, reason = "every caller returns an Option")]
fn some(hint: &str) -> Option<String> {
    Some(hint.to_owned())
}

impl ExitError for containerd::Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Socket { .. } | Self::Deadline { .. } => Exit::Unreachable,
            Self::Status { .. } if self.is_unavailable() => Exit::Unreachable,
            Self::Status { .. } | Self::Incomplete { .. } => Exit::Failed,
            Self::Namespace { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Socket { source, .. } => some(match source.kind() {
                io::ErrorKind::NotFound => {
                    "is containerd installed and running? --address selects another socket"
                }
                io::ErrorKind::PermissionDenied => "the socket belongs to root: run this with sudo",
                _ => "containerd is no longer running: start it",
            }),
            Self::Status { .. } if self.is_unavailable() => {
                some("containerd has stopped or is restarting: start it, and repeat the command")
            }
            Self::Status { .. }
            | Self::Deadline { .. }
            | Self::Incomplete { .. }
            | Self::Namespace { .. } => None,
        }
    }
}

/// The exit code of a layout's error.
pub(super) fn layout_exit(error: &LayoutError) -> Exit {
    match error.kind() {
        LayoutErrorKind::Argument => Exit::Usage,
        LayoutErrorKind::Mismatch => Exit::Mismatch,
        LayoutErrorKind::Incomplete | LayoutErrorKind::Other => Exit::Failed,
    }
}

/// The hint of a layout's error.
pub(super) fn layout_hint(error: &LayoutError) -> Option<String> {
    match error.kind() {
        LayoutErrorKind::Mismatch | LayoutErrorKind::Incomplete => some(DAMAGED),
        LayoutErrorKind::Argument | LayoutErrorKind::Other => None,
    }
}

impl ExitError for ImportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Containerd(error) => error.exit(),
            Self::Layout(error) => layout_exit(error),
            Self::Blob { source, .. } if Mismatch::of(source).is_some() => Exit::Mismatch,
            Self::DiffId { .. } => Exit::Mismatch,
            Self::Platform { .. } => Exit::Usage,
            Self::Blob { .. } | Self::DiffIds { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Containerd(error) => error.hint(),
            Self::Layout(error) => layout_hint(error),
            Self::Blob { source, .. } if Mismatch::of(source).is_some() => some(DAMAGED),
            Self::DiffId { .. } | Self::DiffIds { .. } => some(DAMAGED),
            Self::Platform { .. } => some("build the image for this machine's platform"),
            Self::Blob { .. } => None,
        }
    }
}

impl ExitError for LookupError {
    fn exit(&self) -> Exit {
        match self {
            Self::Containerd(error) => error.exit(),
            Self::Platform { .. } | Self::Name(_) => Exit::Usage,
            Self::Document { .. } | Self::NotUnpacked { .. } | Self::Accounts { .. } => {
                Exit::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Containerd(error) => error.hint(),
            Self::NotUnpacked { .. } => {
                some("import it again: `nodectl images import` and `ctr images pull` unpack it")
            }
            Self::Platform { .. }
            | Self::Name(_)
            | Self::Document { .. }
            | Self::Accounts { .. } => None,
        }
    }
}

impl ExitError for ReadError {
    fn exit(&self) -> Exit {
        match self {
            Self::Yaml { .. }
            | Self::NotAnObject { .. }
            | Self::Workload { .. }
            | Self::Unsupported { .. }
            | Self::Shape { .. }
            | Self::ApiVersion { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Workload { .. } => some("without this object, `nodectl up` runs the others"),
            Self::Yaml { .. }
            | Self::NotAnObject { .. }
            | Self::Unsupported { .. }
            | Self::Shape { .. }
            | Self::ApiVersion { .. } => None,
        }
    }
}

impl ExitError for CheckError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoDeployment { .. }
            | Self::Duplicate { .. }
            | Self::Invalid { .. }
            | Self::Unresolved { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unresolved { .. } => some(
                "`imagebuilder resolve -f MANIFEST --output oci:DIR` builds the image and writes its name",
            ),
            Self::NoDeployment { .. } | Self::Duplicate { .. } | Self::Invalid { .. } => None,
        }
    }
}

impl ExitError for UserError {
    fn exit(&self) -> Exit {
        match self {
            Self::Name(_) | Self::Unknown(_) | Self::Root => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Name(_) | Self::Unknown(_) | Self::Root => None,
        }
    }
}

impl ExitError for BindError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        some(match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "choose another port with --publish PORT:SERVICE:SERVICEPORT"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need root",
            _ => {
                "choose an address of this machine with --publish ADDRESS:PORT:SERVICE:SERVICEPORT"
            }
        })
    }
}

/// Whether a path can never be a directory of ours.
fn is_unusable(error: &io::Error) -> bool {
    [
        io::ErrorKind::NotADirectory,
        io::ErrorKind::ReadOnlyFilesystem,
    ]
    .contains(&error.kind())
}

impl ExitError for InstanceError {
    fn exit(&self) -> Exit {
        match self {
            Self::File { source, .. } if is_unusable(source) => Exit::Usage,
            Self::File { .. } | Self::Locked { .. } => Exit::Failed,
            Self::Data { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { .. } => {
                some("`nodectl down` stops it; another --namespace runs beside it")
            }
            Self::File { source, .. } if is_unusable(source) => {
                some("choose other directories with --state-dir and --data-dir")
            }
            Self::File { .. } => None,
            Self::Data { .. } => Some(
                "give the same --data-dir as before, or remove the pods with `nodectl down`"
                    .to_owned(),
            ),
        }
    }
}

impl ExitError for network::Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Overlap { .. }
            | Self::OtherSubnet { .. }
            | Self::NoFreeSubnet
            | Self::TooSmall { .. } => Exit::Usage,
            Self::Netlink { .. }
            | Self::Setup { .. }
            | Self::Namespace { .. }
            | Self::Unseen { .. }
            | Self::NotABridge(_)
            | Self::Full { .. }
            | Self::Foreign { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Overlap { .. } | Self::OtherSubnet { .. } | Self::NoFreeSubnet => {
                some("choose another subnet with --pod-cidr")
            }
            Self::TooSmall { .. } => some("choose a larger subnet with --pod-cidr"),
            Self::Unseen { .. } => some(
                "run nodectl in containerd's mount namespace, or with a state directory that is on a \
                 mount shared with it",
            ),
            Self::Netlink { .. } | Self::Setup { .. } | Self::Namespace { .. }
                if self.is_permission() =>
            {
                some("pod networks need root")
            }
            Self::Netlink { .. }
            | Self::Setup { .. }
            | Self::Namespace { .. }
            | Self::NotABridge(_)
            | Self::Full { .. }
            | Self::Foreign { .. } => None,
        }
    }
}

impl ExitError for SandboxError {
    fn exit(&self) -> Exit {
        match self {
            Self::Network(error) => error.exit(),
            Self::File { .. } | Self::Shared { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Network(error) => error.hint(),
            Self::File { .. } | Self::Shared { .. } => None,
        }
    }
}

impl ExitError for SweepError {
    fn exit(&self) -> Exit {
        match self {
            Self::Containerd(error) => error.exit(),
            Self::Network(error) => error.exit(),
            Self::Sandbox(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Containerd(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Sandbox(error) => error.hint(),
        }
    }
}

impl ExitError for SelectError {
    fn exit(&self) -> Exit {
        match self {
            Self::None(_) | Self::Several { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::None(_) => some("`nodectl -k pods` lists them"),
            Self::Several { .. } => some("name one as NAMESPACE/NAME"),
        }
    }
}
