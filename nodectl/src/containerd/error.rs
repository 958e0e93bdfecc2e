//! What a call to containerd can end in.

use std::io;
use std::path::{Path, PathBuf};
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
    /// What a status means that a call to the daemon at `address` ended with.
    pub(super) fn status(
        call: &'static str,
        object: &str,
        address: &Path,
        status: &Status,
    ) -> Self {
        if let Some(source) = broken_connection(status) {
            return Self::Socket {
                path: address.to_owned(),
                source,
            };
        }
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
            Self::Status { code, .. } => matches!(
                code,
                Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded
            ),
            Self::Namespace { .. } | Self::Incomplete { .. } => false,
        }
    }

    /// The shim that the daemon asked has exited, and the daemon is still cleaning up after it.
    pub fn is_closed_shim(&self) -> bool {
        matches!(self, Self::Status { message, .. } if message.contains("ttrpc: closed"))
    }

    /// The daemon is there, but the shim that it asked is not, or did not answer in time.
    pub fn is_stuck_shim(&self) -> bool {
        match self {
            Self::Deadline { .. } => true,
            Self::Status { code, .. } => {
                matches!(code, Code::Unavailable | Code::DeadlineExceeded)
            }
            Self::Socket { .. } | Self::Namespace { .. } | Self::Incomplete { .. } => false,
        }
    }
}

/// Why a status is not the daemon's but tonic's own, of a connection that could not be opened or broke
/// under the call. Its code says nothing: that of a missing socket may be `NotFound`.
fn broken_connection(status: &Status) -> Option<io::Error> {
    // The one such status that tonic's generated clients build without a source.
    if status.message().starts_with("Service was not ready") {
        return Some(io::Error::other(status.message().to_owned()));
    }
    let mut source = std::error::Error::source(status)?;
    loop {
        if let Some(error) = source.downcast_ref::<io::Error>() {
            return Some(io::Error::new(error.kind(), error.to_string()));
        }
        match source.source() {
            Some(next) => source = next,
            None => return Some(io::Error::other(source.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_shim_is_not_a_lost_daemon() {
        let check = |status: &Status, (stuck, unavailable, not_found): (bool, bool, bool)| {
            let error = Error::status("Tasks.Get", "a", Path::new("/run/c.sock"), status);
            assert_eq!(
                (
                    error.is_stuck_shim(),
                    error.is_unavailable(),
                    error.is_not_found()
                ),
                (stuck, unavailable, not_found),
                "{error:?}"
            );
        };
        let of_daemon = Status::new;
        let of_tonic = |kind: io::ErrorKind| Status::from_error(io::Error::from(kind).into());
        check(
            &of_daemon(Code::DeadlineExceeded, "deadline"),
            (true, true, false),
        );
        check(
            &of_daemon(Code::Unavailable, "ttrpc: closed"),
            (true, true, false),
        );
        check(
            &of_daemon(Code::NotFound, "task a: not found"),
            (false, false, true),
        );
        check(
            &of_daemon(Code::Unknown, "runc did not terminate"),
            (false, false, false),
        );
        check(&of_tonic(io::ErrorKind::NotFound), (false, true, false));
        check(&of_tonic(io::ErrorKind::BrokenPipe), (false, true, false));
        check(
            &Status::unknown("Service was not ready: gone"),
            (false, true, false),
        );
    }
}
