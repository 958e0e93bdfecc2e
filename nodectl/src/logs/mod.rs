//! Logs in the format of the CRI: one line a part, in files that are rotated. The kubelet's are read, and
//! those of `up`'s own pods written too.
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
