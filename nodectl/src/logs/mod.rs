//! Logs in the CRI's format, in rotated files: reads those of the kubelet's pods, and reads and writes
//! those of `up`'s own. `files` lists them, `reader` and `follow` read them, and `writer` writes and rotates them.
//!
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>

mod files;
mod follow;
mod line;
mod reader;
pub(crate) mod writer;

pub(crate) use files::{End, LogFile, log_files};
pub(crate) use follow::Follower;
pub(crate) use line::{Joiner, LogLine, Stream};
pub(crate) use reader::{LogQuery, read};
