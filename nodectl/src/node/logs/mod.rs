//! Logs as the kubelet keeps them: one line a part, in files that are rotated and compressed.
//!
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>

mod files;
mod line;
mod reader;

pub(crate) use files::{End, LogFile, log_files};
pub(crate) use line::{Joiner, LogLine, Stream};
pub(crate) use reader::{Follower, LogQuery, read};
