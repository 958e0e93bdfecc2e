//! `docs/benchmarks.md`, written from the results.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::app::markdown;
use crate::app::results::{Results, SCHEMA_VERSION};
use crate::registry;

const HEAD: &str = "# Benchmarks\n\n\
    <!-- Written by `bench document` from bench/results; change that, not this. -->\n\n\
    Each program beside its peers, in one run on one machine. `bench/app/run` measures the service \
    again and writes this page; figures of different machines are not comparable, the ratios \
    nearly are.\n\n";

/// Writes the document's text from the results under `results`.
///
/// # Errors
/// When a result cannot be read, or is of another version.
pub(crate) fn render(results: &Path) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    let app: Results = read(&results.join("app.json"))?;
    check_version(app.schema_version, SCHEMA_VERSION, "app.json")?;
    markdown::write(&mut text, &app).context("cannot format the results")?;
    let path = results.join("registry.json");
    if path.exists() {
        let found: registry::Results = read(&path)?;
        check_version(
            found.schema_version,
            registry::SCHEMA_VERSION,
            "registry.json",
        )?;
        registry::markdown(&mut text, &found).context("cannot format the results")?;
    }
    Ok(text.trim_end().to_owned() + "\n")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} does not hold a result of this version", path.display()))
}

fn check_version(found: u32, wanted: u32, file: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        found == wanted,
        "{file} has schema_version {found}, not {wanted}; measure again"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_results_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let document = fs::read_to_string(root.join("../docs/benchmarks.md")).unwrap();
        assert_eq!(
            document,
            render(&root.join("results")).unwrap(),
            "run `bench document`"
        );
    }
}
