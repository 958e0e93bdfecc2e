//! The digest of a file, without reading it again if it did not change.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use oci::{Digest, Hasher};

use crate::cache::Cache;
use crate::file_state::{self, FileState};

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
    let digest = read(file)?;
    // A file that changes while it is read is not cached.
    if FileState::of(&file.metadata()?) == state {
        state.put(cache, KIND, &key, digest);
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let path = folder.path().join("file");
        let of = || digest(&cache, &File::open(&path).unwrap()).unwrap();
        fs::write(&path, "one").unwrap();
        assert_eq!(of(), Digest::of(b"one"));
        // Changed within a tick, with the same size: the entry is too young to be trusted.
        fs::write(&path, "two").unwrap();
        assert_eq!(of(), Digest::of(b"two"));
        // A trusted entry is not compared with the content.
        let metadata = fs::metadata(&path).unwrap();
        let key = file_state::identity(&metadata);
        FileState::of(&metadata).put(&cache, KIND, &key, Digest::of(b"forged"));
        let entry = File::options().write(true).open(cache.path(KIND, &key));
        let later = metadata.modified().unwrap() + Duration::from_secs(1);
        entry.unwrap().set_modified(later).unwrap();
        assert_eq!(of(), Digest::of(b"forged"));
    }
}
