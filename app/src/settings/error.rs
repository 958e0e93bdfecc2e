//! All problems of the settings in one error, so that one restart fixes them all.

use std::fmt;

/// An invalid setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable.
    pub name: String,
    /// What is invalid in its value, and what was expected.
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
            "{count} invalid setting{}",
            if count == 1 { "" } else { "s" }
        )?;
        for Problem { name, message } in &self.problems {
            write!(out, "\n  {name}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
