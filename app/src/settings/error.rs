//! What is wrong with the settings: all of it at once, so that one restart mends everything.

use std::fmt;

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable.
    pub name: String,
    /// What is wrong with its value, and what would be right.
    pub message: String,
}

/// Every problem of the settings, in the order of the table. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(
            out,
            "{count} setting{} cannot be used",
            if count == 1 { "" } else { "s" }
        )?;
        for Problem { name, message } in &self.problems {
            write!(out, "\n  {name}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
