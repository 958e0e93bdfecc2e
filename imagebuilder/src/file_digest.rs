//! The digest of a file, without reading it again if it did not change.
//!
//! As in git's index, a file is considered unchanged as long as its device, inode, size and times are the
//! same. Times have the granularity of the kernel's clock, so an entry counts only if it was written well
//! after the file was last changed.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Duration;

use oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;

/// Longer than a tick of the kernel's clock, which is at most 10 ms.
const TICKS: Duration = Duration::from_millis(100);

const KIND: &str = "files";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    digest: Digest,
}

/// The digest of an open file, whose position is kept.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(cache: &Cache, file: &File) -> io::Result<Digest> {
    let before = file.metadata()?;
    if let Some(digest) = of_unchanged(cache, &before) {
        return Ok(digest);
    }
    let digest = read(file)?;
    // A file that changes while it is read is not cached.
    let after = entry(&file.metadata()?, digest);
    if after == entry(&before, digest) {
        cache.put(KIND, &key(&before), &after);
    }
    Ok(digest)
}

/// The digest of an open file, if that is known without reading it.
///
/// # Errors
/// If its metadata cannot be read.
pub(crate) fn known(cache: &Cache, file: &File) -> io::Result<Option<Digest>> {
    Ok(of_unchanged(cache, &file.metadata()?))
}

fn of_unchanged(cache: &Cache, file: &Metadata) -> Option<Digest> {
    let key = key(file);
    let known: Known = cache.get(KIND, &key)?;
    let is_unchanged = known == entry(file, known.digest) && is_old(cache, &key, file);
    is_unchanged.then_some(known.digest)
}

fn key(file: &Metadata) -> String {
    format!("{}-{}", file.dev(), file.ino())
}

fn entry(metadata: &Metadata, digest: Digest) -> Known {
    Known {
        size: metadata.len(),
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        ctime: (metadata.ctime(), metadata.ctime_nsec()),
        digest,
    }
}

/// Whether the entry was written well after the file changed, by the clock of one file system.
fn is_old(cache: &Cache, key: &str, file: &Metadata) -> bool {
    let Ok(entry) = cache.path(KIND, key).metadata() else {
        return false;
    };
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let changed = nanos(file.ctime(), file.ctime_nsec());
    let written = nanos(entry.mtime(), entry.mtime_nsec());
    entry.dev() == file.dev() && written - changed > TICKS.as_nanos().cast_signed()
}

fn read(file: &File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read_at(&mut buffer, hasher.size())? {
            0 => return Ok(hasher.finish().0),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let path = folder.path().join("file");
        let of = || digest(&cache, &File::open(&path).unwrap()).unwrap();
        let known_of = || known(&cache, &File::open(&path).unwrap()).unwrap();
        fs::write(&path, "one").unwrap();
        assert_eq!(known_of(), None);
        assert_eq!(of(), Digest::of(b"one"));
        // Changed within a tick, with the same size: the entry is too young to be trusted.
        fs::write(&path, "two").unwrap();
        assert_eq!(of(), Digest::of(b"two"));
        let metadata = fs::metadata(&path).unwrap();
        let key = key(&metadata);
        let forge = |digest: Digest| cache.put(KIND, &key, &entry(&metadata, digest));
        let entry_file = || {
            File::options()
                .write(true)
                .open(cache.path(KIND, &key))
                .unwrap()
        };
        let changed = metadata.modified().unwrap();
        let written = |at: SystemTime| entry_file().set_modified(at).unwrap();
        // A trusted entry is not compared with the content.
        forge(Digest::of(b"forged"));
        written(changed + 2 * TICKS);
        assert_eq!(of(), Digest::of(b"forged"));
        assert_eq!(known_of(), Some(Digest::of(b"forged")));
        forge(Digest::of(b"forged"));
        written(changed + TICKS / 2);
        assert_eq!(known_of(), None);
        assert_eq!(of(), Digest::of(b"two"));
    }
}
