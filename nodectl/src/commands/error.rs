//! Errors of commands.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cli::input::InputError;
use oci::ReferenceError;
use oci::layout::LayoutError;

use crate::containerd;
use crate::images::{ImportError, LookupError};
use crate::manifest::{CheckError, ReadError};
use crate::network;
use crate::node::SelectError;
use crate::play::{InstanceError, SweepError};
use crate::publish::BindError;
use crate::spec::UserError;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl UsageError {
    pub(crate) fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            message: message.into(),
            hint: hint.map(str::to_owned),
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A signal arrived before anything was started.
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("{origin}: Deployment `{deployment}`: container `{container}`")]
    ContainerImage {
        origin: String,
        deployment: String,
        container: String,
        #[source]
        source: Box<LayoutError>,
    },
    #[error("cannot import `{name}` from `{}`", layout.display())]
    Import {
        name: String,
        layout: PathBuf,
        #[source]
        source: Box<ImportError>,
    },
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error("{origin}: Deployment `{deployment}`: container `{container}`")]
    User {
        origin: String,
        deployment: String,
        container: String,
        #[source]
        source: UserError,
    },
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Network(#[from] network::Error),
    #[error("cannot adopt the pods of an earlier `nodectl up`")]
    Adopt(#[source] SweepError),
    #[error("cannot remove everything")]
    Remove(#[source] SweepError),
    #[error("cannot remove `{}`", path.display())]
    RemoveDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    #[error("cannot stop `nodectl up`, process {pid}")]
    Stop {
        pid: i32,
        #[source]
        source: nix::errno::Errno,
    },
    #[error("`nodectl up`, process {pid}, did not stop within {} s", wait.as_secs())]
    StillRunning { pid: i32, wait: Duration },
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error("there is no pod `{pod}`")]
    NoSuchPod { pod: String },
    #[error("container `{container}` of pod `{pod}` has not started: {reason}")]
    NotStarted {
        pod: String,
        container: String,
        reason: String,
    },
    #[error("there is no image `{}` in namespace `{namespace}`", names.join("` or `"))]
    NoSuchImages {
        names: Vec<String>,
        namespace: String,
    },
    #[error("cannot read the log `{}`", path.display())]
    Log {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the load balancer")]
    Balancer(#[source] io::Error),
    #[error("cannot start the asynchronous runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
}

/// What a command returns.
pub(super) type Result<T> = std::result::Result<T, CommandError>;
