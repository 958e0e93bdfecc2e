//! The digest of a file, without reading it again if it did not change.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use oci::{Digest, Hasher};

use crate::cache::Cache;
use crate::file_state::{self, FileState, Moment};

const KIND: &str = "files";

/// The digest of an open file, whose position is kept.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(cache: &Cache, file: &File) -> io::Result<Digest> {
    let metadata = file.metadata()?;
    let (state, key) = (FileState::of(&metadata), file_state::identity(&metadata));
    if let Some(digest) = state.get(cache, KIND, &key) {
        return Ok(digest);
    }
    let since = Moment::now(cache);
    let digest = read(file)?;
    // A file that changes while it is read is not cached.
    if FileState::of(&file.metadata()?) == state {
        state.put(cache, KIND, &key, digest, since);
    }
    Ok(digest)
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

    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let path = folder.path().join("file");
        let of = || digest(&cache, &File::open(&path).unwrap()).unwrap();
        for content in ["one", "two", "three"] {
            // Changed within a tick, the first two with the same size.
            fs::write(&path, content).unwrap();
            assert_eq!(of(), Digest::of(content.as_bytes()));
        }
    }

    #[test]
    fn an_unchanged_file_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let (state, key) = (FileState::of(&metadata), file_state::identity(&metadata));
        let is_stored = || state.get::<Digest>(&cache, KIND, &key).is_some();
        // Until its last change is long enough ago.
        while !is_stored() {
            digest(&cache, &File::open(&path).unwrap()).unwrap();
        }
        let forged = Digest::of(b"forged");
        let since = Moment::now(&cache);
        FileState::of(&metadata).put(&cache, KIND, &key, forged, since);
        assert_eq!(digest(&cache, &File::open(&path).unwrap()).unwrap(), forged);
    }
}
