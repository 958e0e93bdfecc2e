//! Writes a container's log: a process that reads the container's two pipes and rotates the files of its
//! log.
//!
//! containerd's shim starts it for each container (`binary://` of
//! <https://github.com/containerd/containerd/blob/main/core/runtime/v2/README.md#logging>), so it
//! outlives nodectl and containerd. It never stops reading for long, because a full pipe blocks the
//! container: lines that cannot be written are dropped, counted and reported.
//!
//! `process` has the threads, `log` a disk that is full, `queue` one that hangs, `losses` the report, `rotate` the
//! files, and `pipes` what a later writer takes over.

mod batch;
mod input;
mod lines;
mod log;
mod losses;
mod pipes;
mod process;
mod queue;
mod report;
mod rotate;

pub(crate) use input::Input;
pub(crate) use pipes::{Held, Pipes};
pub(crate) use process::run;
pub(crate) use report::Report;

/// The maximum size and number of a log's files: the kubelet's `containerLogMaxSize` and
/// `containerLogMaxFiles`.
const MAX_FILE_BYTES: u64 = 10 << 20;
const MAX_FILES: usize = 5;
