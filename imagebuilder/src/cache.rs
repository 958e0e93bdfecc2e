//! A cache of results that depend only on their key, or also on files ([`crate::file_state`]).
//!
//! Each entry is a file of its own that is written atomically, so neither concurrent nor killed runs leave
//! invalid entries. An entry that cannot be read counts as missing, and one that cannot be written is
//! computed again in the next run.

use std::fs;
use std::path::{Path, PathBuf};

use oci::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;

/// A folder of entries.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    key: String,
    value: T,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder, which may not exist yet.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of an entry.
    pub(crate) fn path(&self, kind: &str, key: &str) -> PathBuf {
        let name = Digest::of(key.as_bytes()).hex();
        self.folder.join(kind).join(format!("{name}.json"))
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Option<T> {
        let bytes = fs::read(self.path(kind, key)).ok()?;
        let entry: Entry<T> = serde_json::from_slice(&bytes).ok()?;
        (entry.key == key).then_some(entry.value)
    }

    pub(crate) fn put<T: Serialize>(&self, kind: &str, key: &str, value: &T) {
        let key = key.to_owned();
        let path = self.path(kind, &key);
        if let Ok(bytes) = serde_json::to_vec(&Entry { key, value }) {
            let _ = files::replace(&path, &bytes, 0o644);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_entry_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let get = |key: &str| cache.get::<u32>("numbers", key);
        assert_eq!(get("a"), None);
        cache.put("numbers", "a", &7);
        assert_eq!((get("a"), get("b")), (Some(7), None));
        for damaged in [
            "",
            "{",
            "{\"key\":\"b\",\"value\":7}",
            "{\"key\":\"a\",\"value\":\"7\"}",
        ] {
            fs::write(cache.path("numbers", "a"), damaged).unwrap();
            assert_eq!(get("a"), None, "{damaged}");
        }
    }
}
