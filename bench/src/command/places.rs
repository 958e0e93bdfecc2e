//! The files that are written.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::document;

/// The directories for the results and the document.
pub(super) struct Places {
    results: PathBuf,
    docs: PathBuf,
}

impl Places {
    /// Those of the checkout at `root`, or one directory for both.
    pub(super) fn new(root: &Path, output: Option<PathBuf>) -> Self {
        match output {
            Some(output) => Self {
                results: output.clone(),
                docs: output,
            },
            None => Self {
                results: root.join("bench/results"),
                docs: root.join("docs"),
            },
        }
    }

    /// Writes the results of a measurement.
    pub(super) fn write<T: Serialize>(&self, name: &str, results: &T) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(results)? + "\n";
        write(&self.results.join(name), &json)
    }

    /// Writes the document from the results of all measurements, and returns its path.
    pub(super) fn write_document(&self) -> anyhow::Result<PathBuf> {
        let path = self.docs.join("benchmarks.md");
        write(&path, &document::render(&self.results)?)?;
        Ok(path)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().context("a file has a directory")?;
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
