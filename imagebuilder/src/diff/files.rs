//! Compares the files of two layers, and their contents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use oci::{Descriptor, Digest, Hasher};

use crate::contents::{self, ContentError, Entry};
use crate::image_source::ImageSource;

/// The content of a layer.
pub(super) struct Files {
    pub(super) diff_id: Digest,
    /// Entries by path. If there are two with the same path, the last one counts, as in unpacking.
    pub(super) entries: BTreeMap<String, (Entry, Digest)>,
}

impl Files {
    pub(super) fn read(source: &ImageSource, layer: &Descriptor) -> Result<Self, ContentError> {
        let mut entries = BTreeMap::new();
        let diff_id = contents::walk(source, layer, &mut |entry, content| {
            let mut hasher = Hasher::new();
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match content.read(&mut buffer)? {
                    0 => break,
                    count => hasher.update(&buffer[..count]),
                }
            }
            let path = entry.path.trim_start_matches("./").to_owned();
            entries.insert(path, (entry, hasher.finish().0));
            Ok(())
        })?;
        Ok(Self { diff_id, entries })
    }
}

/// The contents of a layer's files, in an unnamed temporary file.
pub(super) struct Extracted {
    file: File,
    /// By path: the offset and the size in bytes.
    places: BTreeMap<String, (u64, u64)>,
}

impl Extracted {
    pub(super) fn read(
        source: &ImageSource,
        layer: &Descriptor,
        wanted: &BTreeSet<&str>,
    ) -> Result<Self, ContentError> {
        let failed = |source| ContentError::Read {
            digest: layer.digest,
            source,
        };
        let mut file = tempfile::tempfile().map_err(failed)?;
        let (mut places, mut end) = (BTreeMap::new(), 0);
        contents::walk(source, layer, &mut |entry, content| {
            let path = entry.path.trim_start_matches("./").to_owned();
            if wanted.contains(path.as_str()) {
                let bytes = io::copy(content, &mut file)?;
                places.insert(path, (end, bytes));
                end += bytes;
            }
            Ok(())
        })?;
        Ok(Self { file, places })
    }

    /// The content of a file.
    pub(super) fn open(&self, path: &str) -> io::Result<impl Read> {
        let (start, bytes) = self.places.get(path).copied().unwrap_or_default();
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file.take(bytes))
    }
}
