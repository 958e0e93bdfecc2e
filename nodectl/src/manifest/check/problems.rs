//! Collects the problems of one object, so that all are reported at once.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::error::CheckError;
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

    /// Adds a problem with the value of the field at `path`.
    pub(super) fn add(&mut self, path: &str, problem: impl Display) {
        self.found.push(format!("{path}: {problem}"));
    }

    /// Adds a warning: the value of the field at `path` is valid, but has no or another effect here.
    pub(super) fn warn(&mut self, path: &str, text: impl Display) {
        let object = &self.object;
        self.warnings
            .push(Warning(format!("{object}: {path}: {text}")));
    }

    /// Adds a problem for each duplicate of `values`. `path_of` returns the path of the value with an
    /// index.
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

    /// The warnings, if there is no problem.
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
