//! The exit code of a registry's error.

use cli::Exit;
use oci::registry::Problem;

pub(super) fn exit(problem: &Problem) -> Exit {
    match problem {
        Problem::Unreachable(_) => Exit::Unreachable,
        Problem::Status { status, .. } => match status {
            500.. => Exit::Unreachable,
            401 | 403 => Exit::Authentication,
            _ => Exit::Failed,
        },
        Problem::Credentials(error) if error.unreachable => Exit::Unreachable,
        Problem::Unauthorized { .. } | Problem::Credentials(_) | Problem::Challenge => {
            Exit::Authentication
        }
        Problem::Mismatch(_) | Problem::OtherDigest { .. } => Exit::Mismatch,
        Problem::Proxy(_) => Exit::Usage,
        Problem::Immutable { .. }
        | Problem::Contended { .. }
        | Problem::Token
        | Problem::Redirect { .. }
        | Problem::Header { .. }
        | Problem::Read(_)
        | Problem::Document(_) => Exit::Failed,
    }
}
