//! `imagebuilder.lock`: the digests of bases. It lies beside Cargo.lock, and like it should be committed.
//!
//! A tag may refer to another image tomorrow. The digest that it had when it was first used stays in effect
//! until `--update-base`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use oci::Digest;
use serde::Deserialize;

use crate::files;
use crate::toml_string::toml_string;

/// The version of its format.
const VERSION: u32 = 1;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error("cannot {operation} `{}`", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("invalid `{}`", path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("`{}` has version {version}, but only {VERSION} is supported", path.display())]
    Version { path: PathBuf, version: u32 },
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    version: u32,
    #[serde(default)]
    base: Vec<Pin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    name: String,
    digest: Digest,
}

/// The name of the file.
pub(crate) const LOCK_FILE: &str = "imagebuilder.lock";

/// The digests of bases by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pins {
    path: PathBuf,
    digests: BTreeMap<String, Digest>,
}

impl Pins {
    /// Reads the file of the workspace at `root`, if it exists.
    ///
    /// # Errors
    /// If it exists and cannot be read or is invalid.
    pub(crate) fn read(root: &Path) -> Result<Self, PinError> {
        let path = root.join(LOCK_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let digests = BTreeMap::new();
                return Ok(Self { path, digests });
            }
            Err(source) => {
                let operation = "read";
                return Err(PinError::Io {
                    operation,
                    path,
                    source,
                });
            }
        };
        let lock: Lock = match toml::from_str(&text) {
            Ok(lock) => lock,
            Err(source) => {
                let source = Box::new(source);
                return Err(PinError::Parse { path, source });
            }
        };
        if lock.version != VERSION {
            let version = lock.version;
            return Err(PinError::Version { path, version });
        }
        let pins = lock.base.into_iter().map(|pin| (pin.name, pin.digest));
        let digests = pins.collect();
        Ok(Self { path, digests })
    }

    /// The path of the file, whether it exists or not.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of a base.
    pub(crate) fn get(&self, name: &str) -> Option<Digest> {
        self.digests.get(name).copied()
    }

    /// Adds digests to the file, replacing those of the same names. Other processes may do so at the same
    /// time: `lock` excludes them, and their entries are preserved.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(crate) fn add(
        &self,
        digests: &BTreeMap<String, Digest>,
        lock: &Path,
    ) -> Result<(), PinError> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| PinError::Io {
                operation,
                path,
                source,
            }
        };
        if let Some(folder) = lock.parent() {
            std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        let guard = std::fs::File::create(lock).map_err(failed("create", lock))?;
        guard.lock().map_err(failed("lock", lock))?;
        let root = self.path.parent().unwrap_or(Path::new("."));
        let mut now = Self::read(root)?;
        now.digests
            .extend(digests.iter().map(|(name, digest)| (name.clone(), *digest)));
        files::replace(&self.path, now.text().as_bytes(), 0o644)
            .map_err(failed("write", &self.path))
    }

    fn text(&self) -> String {
        let mut text = format!(
            "# The digests of base images, written by imagebuilder. Commit this file;\n\
             # `imagebuilder build --update-base` updates the digests.\n\
             version = {VERSION}\n"
        );
        for (name, digest) in &self.digests {
            let name = toml_string(name);
            write!(text, "\n[[base]]\nname = {name}\ndigest = \"{digest}\"\n")
                .expect("writing to memory cannot fail");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_added_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("target/lock");
        let pins = Pins::read(folder.path()).unwrap();
        assert_eq!(pins.get("a"), None);
        let add = |name: &str, content: &[u8]| {
            let digests = BTreeMap::from([(name.to_owned(), Digest::of(content))]);
            pins.add(&digests, &lock).unwrap();
        };
        add("r.example/a:v1", b"1");
        add("oci:\"b\"", b"2");
        add("r.example/a:v1", b"3");
        let read = Pins::read(folder.path()).unwrap();
        assert_eq!(read.get("r.example/a:v1"), Some(Digest::of(b"3")));
        assert_eq!(read.get("oci:\"b\""), Some(Digest::of(b"2")));
        let text = std::fs::read_to_string(read.path()).unwrap();
        assert_eq!(text.matches("[[base]]").count(), 2, "{text}");
    }

    #[test]
    fn unknown_versions_and_fields_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("version = 2", "has version 2, but only 1"),
            (
                "version = 1\n[[base]]\nname = \"x\"\ndigest = \"x\"",
                "invalid",
            ),
            ("version = 1\nbases = []", "invalid"),
        ] {
            std::fs::write(folder.path().join("imagebuilder.lock"), text).unwrap();
            let error = Pins::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
