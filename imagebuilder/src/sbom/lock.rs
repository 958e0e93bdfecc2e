//! The checksums in Cargo.lock, which `cargo metadata` does not report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why Cargo.lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot parse `{}`", path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
}

/// The SHA-256 of each package's archive, by name, version and source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checksums(BTreeMap<(String, String, String), String>);

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl Checksums {
    /// Reads a Cargo.lock.
    ///
    /// # Errors
    /// If it cannot be read, or is not a Cargo.lock.
    pub(crate) fn read(path: &Path) -> Result<Self, LockError> {
        let text = std::fs::read_to_string(path).map_err(|source| LockError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|source| LockError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let lock: Lock = toml::from_str(text)?;
        let entries = lock.package.into_iter().filter_map(|package| {
            let key = (package.name, package.version, package.source?);
            Some((key, package.checksum?))
        });
        Ok(Self(entries.collect()))
    }

    /// The checksum of a package, in hexadecimal digits.
    pub(super) fn get(&self, name: &str, version: &str, source: &str) -> Option<&str> {
        let key = (name.to_owned(), version.to_owned(), source.to_owned());
        self.0.get(&key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_a_registry_has_a_checksum_and_one_of_git_or_a_path_has_none() {
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let text = format!(
            r#"
            version = 4
            [[package]]
            name = "app"
            version = "0.1.0"
            [[package]]
            name = "base64"
            version = "0.22.1"
            source = "{registry}"
            checksum = "72b3"
            [[package]]
            name = "forked"
            version = "1.0.0"
            source = "git+https://example.com/forked#0123"
            "#
        );
        let checksums = Checksums::parse(&text).unwrap();
        assert_eq!(checksums.get("base64", "0.22.1", registry), Some("72b3"));
        assert_eq!(checksums.get("base64", "0.22.0", registry), None);
        assert_eq!(checksums.0.len(), 1);
    }
}
