//! The error of the program.

use std::error::Error;
use std::fmt;

use cli::{Exit, ExitError};

/// A failed measurement. The exit code does not depend on the reason.
#[derive(Debug)]
pub(super) struct Failed(pub(super) anyhow::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl ExitError for Failed {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
