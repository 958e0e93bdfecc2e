//! The outcome of a command.

use std::process::{Command, Output};

/// The outcome of a command that deploys.
#[derive(Debug)]
pub struct Deployed {
    /// The exit code.
    pub code: Option<i32>,
    /// The URL.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Deployed {
    pub(super) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
        }
    }

    /// Its standard output and its standard error, when it succeeded.
    ///
    /// # Panics
    /// With its standard error, unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> (String, String) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        (self.stdout, self.stderr)
    }
}
