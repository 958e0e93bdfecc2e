//! The tables `image` of the workspace's manifests: `[workspace.metadata.image]` has defaults for each
//! package's `[package.metadata.image]`.
//!
//! A key of the package overrides the workspace's; in `env`, `labels`, `annotations` and `build-env` this
//! applies to each of their own keys. Paths are relative to the manifest that contains them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::settings::Settings;

/// The tables whose own keys are merged.
const MERGED: [&str; 4] = ["env", "labels", "annotations", "build-env"];

/// Keys that cannot have the same value for every package.
const OWN: [&str; 2] = ["name", "bin"];

/// The names of the tables.
const TABLES: [&str; 2] = ["package.metadata.image", "workspace.metadata.image"];

/// Why a table is invalid.
#[derive(Debug, thiserror::Error)]
#[error("invalid [{table}] in `{}`{}", manifest.display(), at(*line))]
pub(crate) struct MetadataError {
    /// The name of the table.
    pub(crate) table: &'static str,
    pub(crate) manifest: PathBuf,
    /// The line of the key, from 1, if it is known.
    pub(crate) line: Option<usize>,
    #[source]
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

/// A `metadata` table and its manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata<'a> {
    pub(crate) value: &'a Value,
    pub(crate) manifest: &'a Path,
}

impl<'a> Metadata<'a> {
    /// Its table `image`, if it has one.
    pub(crate) fn image(self) -> Option<&'a Value> {
        self.value.get("image")
    }

    fn folder(self) -> &'a Path {
        self.manifest.parent().unwrap_or(Path::new(""))
    }
}

/// The settings of a package.
///
/// # Errors
/// If one of the tables is invalid, even in a key that the other overrides.
pub(crate) fn settings(
    workspace: Metadata<'_>,
    package: Metadata<'_>,
) -> Result<Settings, MetadataError> {
    let mut merged = Map::new();
    if let Some(defaults) = workspace.image() {
        let table = "workspace.metadata.image";
        check(workspace, defaults, table)?;
        if let Some(key) = OWN.into_iter().find(|key| defaults.get(key).is_some()) {
            let problem =
                format!("`{key}` cannot have a default for all packages: set it in the packages");
            return Err(error(workspace, table, problem.into(), Some(key)));
        }
        merged.extend(defaults.as_object().cloned().unwrap_or_default());
    }
    let own = package.image();
    if let Some(own) = own {
        check(package, own, "package.metadata.image")?;
        for (key, value) in own.as_object().into_iter().flatten() {
            match (merged.get_mut(key), value) {
                (Some(Value::Object(defaults)), Value::Object(own))
                    if MERGED.contains(&key.as_str()) =>
                {
                    defaults.extend(own.clone());
                }
                _ => {
                    merged.insert(key.clone(), value.clone());
                }
            }
        }
    }
    let mut settings = Settings::deserialize(Value::Object(merged)).expect("both tables are valid");
    let folder = |key: &str| {
        let is_own = own.is_some_and(|own| own.get(key).is_some());
        if is_own {
            package.folder()
        } else {
            workspace.folder()
        }
    };
    let base = settings.base.take();
    settings.base = base.map(|base| base.below(folder("base")));
    folder("assets").clone_into(&mut settings.assets_folder);
    Ok(settings)
}

fn check(of: Metadata<'_>, table: &Value, name: &'static str) -> Result<(), MetadataError> {
    match Settings::deserialize(table) {
        Ok(_) => Ok(()),
        Err(problem) => Err(error(of, name, problem.into(), None)),
    }
}

/// The error with its key and line in the manifest.
fn error(
    of: Metadata<'_>,
    table: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
    key: Option<&str>,
) -> MetadataError {
    let manifest = of.manifest.to_owned();
    let text = std::fs::read_to_string(of.manifest).unwrap_or_default();
    let (line, source) = match key {
        Some(key) => (line_of(&text, table, key), source),
        None => match in_manifest(&text) {
            Some((line, message)) => (line, message.into()),
            None => (None, source),
        },
    };
    MetadataError {
        table,
        manifest,
        line,
        source,
    }
}

/// The first error of the tables in a manifest.
fn in_manifest(text: &str) -> Option<(Option<usize>, String)> {
    #[derive(Debug, Deserialize)]
    struct Manifest {
        #[serde(rename = "package")]
        _package: Option<Section>,
        #[serde(rename = "workspace")]
        _workspace: Option<Section>,
    }
    #[derive(Debug, Deserialize)]
    struct Section {
        #[serde(rename = "metadata")]
        _metadata: Option<Image>,
    }
    #[derive(Debug, Deserialize)]
    struct Image {
        #[serde(rename = "image")]
        _image: Option<Settings>,
    }
    let error = toml::from_str::<Manifest>(text).err()?;
    let start = error.span().map(|span| span.start);
    let line = start.map(|at| line_at(text, at));
    let message = match start.and_then(|at| key_at(text, at)) {
        Some(key) if !error.message().contains(&format!("`{key}`")) => {
            format!("`{key}`: {}", error.message())
        }
        _ => error.message().to_owned(),
    };
    Some((line, message))
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The line of a key of a table.
fn line_of(text: &str, table: &str, wanted: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (key, _) = image(document.get_ref(), table)?.get_key_value(wanted)?;
    Some(line_at(text, key.span().start))
}

/// The key of the tables whose value is at a byte, with those of its own tables: `env.RUST_LOG`.
fn key_at(text: &str, at: usize) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    TABLES
        .iter()
        .find_map(|table| key_in(image(document.get_ref(), table)?, at))
}

/// The table of a manifest with this name.
fn image<'a, 'i>(document: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    name.split('.')
        .try_fold(document, |table, key| table.get(key)?.get_ref().as_table())
}

fn key_in(table: &DeTable<'_>, at: usize) -> Option<String> {
    let mut entries = table.iter();
    let (key, value) = entries.find(|entry| is_at(*entry, at))?;
    let inner = value.get_ref().as_table();
    let inner = inner.and_then(|table| key_in(table, at));
    let key = key.get_ref();
    Some(inner.map_or_else(|| key.to_string(), |inner| format!("{key}.{inner}")))
}

/// Whether an entry of a table has a byte. The span of a table with a header is that of the header.
fn is_at((key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>), at: usize) -> bool {
    key.span().contains(&at) || has(value, at)
}

fn has(value: &Spanned<DeValue<'_>>, at: usize) -> bool {
    let inside = match value.get_ref() {
        DeValue::Table(table) => table.iter().any(|entry| is_at(entry, at)),
        DeValue::Array(array) => array.iter().any(|value| has(value, at)),
        _ => false,
    };
    inside || value.span().contains(&at)
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(workspace: &Value, package: &Value) -> Settings {
        settings(
            Metadata {
                value: workspace,
                manifest: Path::new("/ws/Cargo.toml"),
            },
            Metadata {
                value: package,
                manifest: Path::new("/ws/app/Cargo.toml"),
            },
        )
        .unwrap()
    }

    #[test]
    fn a_package_overrides_the_workspace_key_by_key() {
        let workspace = json!({"image": {
            "user": "7", "args": ["a"], "env": {"A": "1", "B": "1"}, "base": "oci:os",
            "assets": [{"src": "web", "dest": "/srv"}],
        }});
        let found = merged(&workspace, &Value::Null);
        assert_eq!(found.assets_folder, Path::new("/ws"));
        assert_eq!(found.user.unwrap().to_string(), "7:7");
        let package = json!({"image": {
            "name": "x", "args": [], "env": {"B": "2"}, "base": "oci:os",
            "assets": [{"src": "own", "dest": "/srv"}],
        }});
        let found = merged(&workspace, &package);
        assert!(found.args.is_empty());
        let env: Vec<_> = found
            .env
            .iter()
            .map(|(k, v)| format!("{}={v}", k.0))
            .collect();
        assert_eq!(env, ["A=1", "B=2"]);
        assert_eq!(
            found.base.unwrap().place().unwrap().to_string(),
            "oci:/ws/app/os"
        );
        assert_eq!(found.assets[0].src, "own");
        assert_eq!(found.assets_folder, Path::new("/ws/app"));
        assert_eq!(merged(&Value::Null, &Value::Null).assets, []);
    }

    #[test]
    fn the_line_of_a_key_is_found_in_its_table() {
        let text = "[a]\nname = 1\n[workspace.metadata.image]\n# name\nuser = 1\nname = 'x'\n[b]\nbin = 1\n";
        let table = "workspace.metadata.image";
        assert_eq!(line_of(text, table, "name"), Some(6));
        let inline = "[workspace]\nmetadata.image = { user = '1', name = 'x' }\n";
        assert_eq!(line_of(inline, table, "name"), Some(2));
        assert_eq!(line_of(text, table, "bin"), None);
    }
}
