//! Errors of calls to containerd.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use containerd_client::tonic::{Code, Status};

/// A failed call to containerd.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// containerd cannot be reached at its socket.
    #[error("cannot reach containerd at {}", path.display())]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The namespace cannot be sent as a header.
    #[error("invalid containerd namespace `{name}`")]
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
        /// containerd's message.
        message: String,
    },
    /// containerd did not answer in time.
    #[error("{call} {object}: no answer within {} s", after.as_secs())]
    Deadline {
        /// Service and method.
        call: &'static str,
        /// What it was called on.
        object: String,
        /// The deadline.
        after: Duration,
    },
    /// The response lacks a part that the service always sends.
    #[error("{call} {object}: the response lacks {part}")]
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
    /// The error for a status that a call to the daemon at `address` returned.
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

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }

    /// Whether the object already exists.
    pub fn is_already_exists(&self) -> bool {
        self.code() == Some(Code::AlreadyExists)
    }

    /// Whether the object is not in the state that the call requires.
    pub fn is_failed_precondition(&self) -> bool {
        self.code() == Some(Code::FailedPrecondition)
    }

    /// Whether the daemon is down, restarting or did not answer in time: the object's state is unknown.
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

    /// Whether the daemon failed to remove a directory in which it was still creating files for another
    /// request. Neither 1.6 nor 2.4 has a status code for this.
    pub fn is_directory_in_use(&self) -> bool {
        matches!(self, Self::Status { message, .. } if message.contains("directory not empty"))
    }

    /// Whether the object's shim has exited, and the daemon is still cleaning up after it.
    pub fn is_closed_shim(&self) -> bool {
        matches!(self, Self::Status { message, .. } if message.contains("ttrpc: closed"))
    }

    /// Whether the daemon answers, but the object's shim is gone or does not answer in time.
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

/// The cause of a status that tonic, not the daemon, created because the connection could not be opened
/// or broke during the call. Its code is meaningless: for a missing socket it may be `NotFound`.
fn broken_connection(status: &Status) -> Option<io::Error> {
    // The only such status that tonic's generated clients create without a source.
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
