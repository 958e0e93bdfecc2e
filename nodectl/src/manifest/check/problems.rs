//! What is wrong with one object, collected so that all of it is reported at once.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::CheckError;
use crate::manifest::Warning;

/// The problems and warnings of one object.
#[derive(Debug)]
pub(super) struct Problems {
    origin: String,
    object: String,
    found: Vec<String>,
    warnings: Vec<Warning>,
}

impl Problems {
    /// Of an object in a file.
    pub(super) fn new(origin: &str, kind: &str, name: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            object: format!("{kind} `{name}`"),
            found: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The file of the object.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The value of the field at `path` is wrong.
    pub(super) fn add(&mut self, path: &str, problem: impl Display) {
        self.found.push(format!("{path}: {problem}"));
    }

    /// The value of the field at `path` is legitimate and does not do what it says.
    pub(super) fn warn(&mut self, path: &str, text: impl Display) {
        let object = &self.object;
        self.warnings
            .push(Warning(format!("{object}: {path}: {text}")));
    }

    /// Adds a problem for each of `values` that was there before. A value has the path that
    /// `path_of` gives for its index.
    pub(super) fn unique<T: Ord + Display>(
        &mut self,
        values: impl IntoIterator<Item = (usize, T)>,
        path_of: impl Fn(usize) -> String,
    ) {
        let mut seen = BTreeSet::new();
        for (index, value) in values {
            if seen.contains(&value) {
                self.add(&path_of(index), format_args!("duplicate `{value}`"));
            } else {
                seen.insert(value);
            }
        }
    }

    /// The warnings, if nothing is wrong.
    pub(super) fn finish(self) -> Result<Vec<Warning>, CheckError> {
        if self.found.is_empty() {
            return Ok(self.warnings);
        }
        Err(CheckError::Invalid {
            origin: self.origin,
            object: self.object,
            problems: self.found,
        })
    }
}
