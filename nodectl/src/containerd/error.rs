//! What a call to containerd can end in.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use containerd_client::tonic::{Code, Status};

/// A call to containerd that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing could be reached behind the socket.
    #[error("cannot reach containerd at {}", path.display())]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A name cannot be sent as a header.
    #[error("`{name}` is no name for a containerd namespace")]
    Namespace {
        /// The refused name.
        name: String,
    },
    /// containerd answered with an error.
    #[error("{call} {object}: {message}")]
    Status {
        /// Service and method.
        call: &'static str,
        /// What it was called on.
        object: String,
        /// gRPC's code.
        code: Code,
        /// containerd's words.
        message: String,
    },
    /// containerd did not answer in time.
    #[error("{call} {object}: no answer within {} s", after.as_secs())]
    Deadline {
        /// Service and method.
        call: &'static str,
        /// What it was called on.
        object: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer lacks a part that the service promises.
    #[error("{call} {object}: the answer lacks {part}")]
    Incomplete {
        /// Service and method.
        call: &'static str,
        /// What it was called on.
        object: String,
        /// What is missing.
        part: &'static str,
    },
}

impl Error {
    pub(super) fn status(call: &'static str, object: &str, status: &Status) -> Self {
        Self::Status {
            call,
            object: object.to_owned(),
            code: status.code(),
            message: status.message().to_owned(),
        }
    }

    fn code(&self) -> Option<Code> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }

    /// The object is there already.
    pub fn is_already_exists(&self) -> bool {
        self.code() == Some(Code::AlreadyExists)
    }

    /// The object is not in the state that the call needs.
    pub fn is_failed_precondition(&self) -> bool {
        self.code() == Some(Code::FailedPrecondition)
    }

    /// The daemon is away or restarting, or did not answer in time: nothing is known of the object.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Socket { .. } | Self::Deadline { .. } => true,
            Self::Status { code, message, .. } => {
                matches!(
                    code,
                    Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded
                ) || (matches!(code, Code::Unknown | Code::Internal) && is_broken_connection(message))
            }
            Self::Namespace { .. } | Self::Incomplete { .. } => false,
        }
    }

    /// The daemon is there, but the shim that it asked is not, or did not answer in time.
    pub fn is_stuck_shim(&self) -> bool {
        match self {
            Self::Deadline { .. } => true,
            Self::Status { code, message, .. } => {
                matches!(code, Code::Unavailable | Code::DeadlineExceeded)
                    && !is_broken_connection(message)
            }
            Self::Socket { .. } | Self::Namespace { .. } | Self::Incomplete { .. } => false,
        }
    }
}

/// Whether a status was not sent by the daemon: tonic reports a connection that breaks under a call
/// as `Unknown`, `Cancelled` or `Unavailable` with words of the transport.
fn is_broken_connection(message: &str) -> bool {
    [
        "transport error",
        "h2 protocol error",
        "Service was not ready",
        "connection",
        "error trying to connect",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_shim_is_not_a_lost_daemon() {
        let check = |code, message: &str, stuck: bool, unavailable: bool| {
            let error = Error::Status {
                call: "Tasks.Get",
                object: "a".to_owned(),
                code,
                message: message.to_owned(),
            };
            assert_eq!(
                (error.is_stuck_shim(), error.is_unavailable()),
                (stuck, unavailable),
                "{error:?}"
            );
        };
        check(Code::DeadlineExceeded, "context deadline exceeded", true, true);
        check(Code::Unavailable, "ttrpc: closed", true, true);
        check(Code::Unavailable, "transport error", false, true);
        check(Code::Unknown, "h2 protocol error: broken pipe", false, true);
        check(Code::NotFound, "task a: not found", false, false);
        check(Code::Unknown, "runc did not terminate", false, false);
    }
}
