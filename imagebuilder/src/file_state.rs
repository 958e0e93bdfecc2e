//! Results that were computed from files, and are valid while those do not change.
//!
//! As in git's index, a file is considered unchanged as long as its device, inode, size and times are the
//! same. Times have the granularity of the kernel's clock, so a result is stored only if its files were read well
//! after they were last changed.

use std::fs::{self, Metadata};
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
        (entry.state == *self).then_some(entry.value)
    }

    /// Stores a result that was computed from files in this state, which were read after `since`. Without effect if
    /// they had changed just before.
    pub(crate) fn put<T: Serialize>(
        self,
        cache: &Cache,
        kind: &str,
        key: &str,
        value: T,
        since: Option<Moment>,
    ) {
        if self.is_older_than(since) {
            cache.put(kind, key, &Entry { state: self, value });
        }
    }

    /// Whether the files changed so long before that a later change has another time.
    fn is_older_than(&self, moment: Option<Moment>) -> bool {
        self.0.iter().all(|file| {
            moment.is_some_and(|moment| {
                file.device == moment.device
                    && moment.nanos - file.changed > TICKS.as_nanos().cast_signed()
            })
        })
    }
}

/// A moment by the clock of a file system, which may be another machine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    device: u64,
    /// Since 1970.
    nanos: i128,
}

impl Moment {
    /// Now, by the clock of the cache's file system; `None` if it cannot be written to.
    pub(crate) fn now(cache: &Cache) -> Option<Self> {
        let folder = cache.folder();
        fs::create_dir_all(folder).ok()?;
        let file = tempfile::tempfile_in(folder).ok()?.metadata().ok()?;
        Some(Self {
            device: file.dev(),
            nanos: nanos(file.mtime(), file.mtime_nsec()),
        })
    }
}

/// Identifies a file: stays the same when its content changes, but not when it is replaced.
pub(crate) fn identity(file: &Metadata) -> String {
    format!("{}-{}", file.dev(), file.ino())
}

fn nanos(seconds: i64, nanos: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_valid_while_its_files_are_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let paths = ["one", "two"].map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "one").unwrap();
        }
        let state = || {
            let mut state = FileState::default();
            for path in &paths {
                state.add(&fs::metadata(path).unwrap());
            }
            state
        };
        let known = || state().get::<u32>(&cache, "numbers", "key");
        let put = |since| state().put(&cache, "numbers", "key", 7, since);
        let after = |delay: Duration| {
            let mut moment = Moment::now(&cache).unwrap();
            let changed = state().0.iter().map(|file| file.changed).max().unwrap();
            moment.nanos = changed + delay.as_nanos().cast_signed();
            Some(moment)
        };
        assert_eq!(known(), None);
        // A file may have changed again within the same tick, after it was read.
        put(after(TICKS));
        assert_eq!(known(), None);
        put(None);
        assert_eq!(known(), None);
        put(after(2 * TICKS));
        assert_eq!(known(), Some(7));
        for path in &paths {
            fs::remove_file(path).unwrap();
            fs::write(path, "two").unwrap();
            assert_eq!(known(), None, "{}", path.display());
            put(after(2 * TICKS));
            assert_eq!(known(), Some(7));
        }
    }

    #[test]
    fn a_result_that_depends_on_no_file_is_always_stored() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        FileState::default().put(&cache, "numbers", "key", 7, None);
        let known = FileState::default().get::<u32>(&cache, "numbers", "key");
        assert_eq!(known, Some(7));
    }
}
