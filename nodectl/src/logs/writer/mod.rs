//! Writes a container's log: the process that reads the two pipes of a container and keeps the files of
//! its log small.
//!
//! containerd's shim starts it for each container (`binary://` of
//! <https://github.com/containerd/containerd/blob/main/core/runtime/v2/README.md#logging>), so it
//! outlives nodectl and containerd. It never stops reading for long: what cannot be written is dropped,
//! counted and reported, because a pipe that nobody reads blocks the container.

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

/// How large a file of a log gets, and how many files a log has: the kubelet's `containerLogMaxSize`
/// and `containerLogMaxFiles`.
const MAX_FILE_BYTES: u64 = 10 << 20;
const MAX_FILES: usize = 5;
