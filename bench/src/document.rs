//! `docs/benchmarks.md`, written from the results.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::{app, balancer, image, node, registry, rollout};

const HEAD: &str = "# Benchmarks\n\n\
<!-- Written by `bench document` from bench/results; change those, not this. -->\n\n\
Each program is measured beside its peers, in one run on one machine. `make bench` repeats the \
measurements, except those of a rollout (`bench/rollout/run`), and writes this page. Figures from \
different machines are not comparable; ratios are to some extent.\n\n";

/// A file of results, of which this version reads one schema.
trait Document: DeserializeOwned {
    const FILE: &str;
    const VERSION: u32;

    fn version(&self) -> u32;
    fn write(&self, out: &mut String) -> fmt::Result;
}

macro_rules! document {
    ($of:ident, $file:literal) => {
        impl Document for $of::results::Results {
            const FILE: &str = $file;
            const VERSION: u32 = $of::results::SCHEMA_VERSION;

            fn version(&self) -> u32 {
                self.schema_version
            }

            fn write(&self, out: &mut String) -> fmt::Result {
                $of::markdown::write(out, self)
            }
        }
    };
}

document!(app, "app.json");
document!(image, "image.json");
document!(registry, "registry.json");
document!(node, "node.json");
document!(balancer, "balancer.json");
document!(rollout, "rollout.json");

/// Writes the document's text from the results under `results`, without sections that were not measured.
///
/// # Errors
/// If a result cannot be read, or has another version.
pub(crate) fn render(results: &Path) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    section::<app::results::Results>(&mut text, results)?;
    section::<image::results::Results>(&mut text, results)?;
    section::<registry::results::Results>(&mut text, results)?;
    section::<node::results::Results>(&mut text, results)?;
    section::<balancer::results::Results>(&mut text, results)?;
    section::<rollout::results::Results>(&mut text, results)?;
    Ok(text.trim_end().to_owned() + "\n")
}

fn section<T: Document>(text: &mut String, results: &Path) -> anyhow::Result<()> {
    let path = results.join(T::FILE);
    if !path.exists() {
        return Ok(());
    }
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let found: T = serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "{} does not contain a result of this version",
            path.display()
        )
    })?;
    anyhow::ensure!(
        found.version() == T::VERSION,
        "{} has schema_version {}, not {}; measure again",
        path.display(),
        found.version(),
        T::VERSION
    );
    found.write(text).context("cannot format the results")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_up_to_date_with_the_results() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let document = fs::read_to_string(root.join("../docs/benchmarks.md")).unwrap();
        assert_eq!(
            document,
            render(&root.join("results")).unwrap(),
            "run `bench document`"
        );
    }
}
