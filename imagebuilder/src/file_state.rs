//! Results that were computed from files, and are valid while those do not change.
//!
//! As in git's index, a file is considered unchanged as long as its device, inode, size and times are the
//! same. Times have the granularity of the kernel's clock, so an entry counts only if it was written well
//! after the files were last changed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;

/// Longer than a tick of the kernel's clock, which is at most 10 ms.
const TICKS: Duration = Duration::from_millis(100);

/// The state of files at one moment.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState(Vec<Stamp>);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// The times are in nanoseconds since 1970.
    modified: i128,
    changed: i128,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    state: FileState,
    value: T,
}

impl FileState {
    /// The state of one file.
    pub(crate) fn of(file: &Metadata) -> Self {
        let mut state = Self::default();
        state.add(file);
        state
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, file: &Metadata) {
        self.0.push(Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.len(),
            modified: nanos(file.mtime(), file.mtime_nsec()),
            changed: nanos(file.ctime(), file.ctime_nsec()),
        });
    }

    /// The result that was stored under this key, if it was computed from files in this state.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        cache: &Cache,
        kind: &str,
        key: &str,
    ) -> Option<T> {
        let entry: Entry<T> = cache.get(kind, key)?;
        let is_valid = entry.state == *self && self.is_older(cache, kind, key);
        is_valid.then_some(entry.value)
    }

    /// Stores a result that was computed from files in this state.
    pub(crate) fn put<T: Serialize>(self, cache: &Cache, kind: &str, key: &str, value: T) {
        cache.put(kind, key, &Entry { state: self, value });
    }

    /// Whether the files changed well before the entry was written, by the clock of one file system.
    fn is_older(&self, cache: &Cache, kind: &str, key: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Ok(entry) = cache.path(kind, key).metadata() else {
            return false;
        };
        let written = nanos(entry.mtime(), entry.mtime_nsec());
        let is_older = |file: &Stamp| {
            file.device == entry.dev() && written - file.changed > TICKS.as_nanos().cast_signed()
        };
        self.0.iter().all(is_older)
    }
}

/// What a file keeps when it changes, unless it is replaced.
pub(crate) fn identity(file: &Metadata) -> String {
    format!("{}-{}", file.dev(), file.ino())
}

fn nanos(seconds: i64, nanos: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_result_is_valid_while_its_files_are_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let paths = ["one", "two"].map(|name| folder.path().join(name));
        let state = || {
            let mut state = FileState::default();
            for path in &paths {
                state.add(&fs::metadata(path).unwrap());
            }
            state
        };
        let known = || state().get::<u32>(&cache, "numbers", "key");
        let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let written = |at: SystemTime| {
            let entry = cache.path("numbers", "key");
            let entry = fs::File::options().write(true).open(entry).unwrap();
            entry.set_modified(at).unwrap();
        };
        for path in &paths {
            fs::write(path, "one").unwrap();
        }
        assert_eq!(known(), None);
        state().put(&cache, "numbers", "key", 7);
        // Too young to be trusted: a file may have changed within the same tick.
        written(changed(&paths[1]) + TICKS / 2);
        assert_eq!(known(), None);
        written(changed(&paths[1]) + 2 * TICKS);
        assert_eq!(known(), Some(7));
        for path in &paths {
            fs::write(path, "two").unwrap();
            written(changed(path) + 2 * TICKS);
            assert_eq!(known(), None, "{}", path.display());
            state().put(&cache, "numbers", "key", 7);
            written(changed(path) + 2 * TICKS);
            assert_eq!(known(), Some(7));
        }
    }

    #[test]
    fn a_result_that_depends_on_no_file_is_valid_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        FileState::default().put(&cache, "numbers", "key", 7);
        let known = FileState::default().get::<u32>(&cache, "numbers", "key");
        assert_eq!(known, Some(7));
    }
}
