//! Writing: blobs get their name when they are complete and on disk, never before.

use std::fs;
use std::io::{self, Read, Write};

use tempfile::NamedTempFile;

use super::file::{io_error, new_file, persist};
use super::{Layout, LayoutError};
use crate::{Descriptor, Digest, Hasher, verify};

/// How much is copied at a time. For files on disk, larger sizes were not measurably faster.
const BUFFER_BYTES: usize = 128 * 1024;

impl Layout {
    /// Whether the blob exists and has the right size. Its content is verified when it is read.
    pub fn has_blob(&self, descriptor: &Descriptor) -> bool {
        fs::metadata(self.blob_path(&descriptor.digest))
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == descriptor.size)
    }

    /// Stores the content of `reader` if it matches `descriptor`.
    ///
    /// # Errors
    /// [`LayoutError::Damaged`] if it does not, and then nothing is stored;
    /// [`LayoutError::Io`] if it cannot be read or written.
    pub fn write_blob(
        &self,
        descriptor: &Descriptor,
        reader: &mut impl Read,
    ) -> Result<(), LayoutError> {
        let mut writer = self.blob_writer()?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let path = self.blob_path(&descriptor.digest);
        // Never stores more than described, even if the reader yields more.
        let mut reader = reader.take(descriptor.size.saturating_add(1));
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    writer
                        .write_all(&buffer[..count])
                        .map_err(io_error("write", &path))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error("read", &path, error)),
            }
        }
        writer.commit_as(descriptor)
    }

    /// Stores `bytes`, unless the layout has them, and returns their digest.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_bytes(&self, bytes: &[u8]) -> Result<Digest, LayoutError> {
        let digest = Digest::of(bytes);
        // Comparing is cheaper than syncing to disk. A damaged blob differs, and is written again.
        if fs::read(self.blob_path(&digest)).is_ok_and(|there| there == bytes) {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer
            .write_all(bytes)
            .map_err(io_error("write", &self.ingest()))?;
        writer.commit().map(|(digest, _)| digest)
    }

    /// Starts a blob whose digest is not yet known.
    ///
    /// # Errors
    /// If no file can be created.
    pub fn blob_writer(&self) -> Result<BlobWriter, LayoutError> {
        Ok(BlobWriter {
            layout: self.clone(),
            file: claim(self)?,
            hasher: Hasher::new(),
        })
    }
}

/// A blob being written. If it is dropped without a commit, nothing is left.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Layout,
    file: NamedTempFile,
    hasher: Hasher,
}

impl BlobWriter {
    /// Stores what was written under its digest, and returns the digest and the size in bytes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn commit(self) -> Result<(Digest, u64), LayoutError> {
        let (digest, size) = self.hasher.finish();
        persist(self.file, &self.layout.blob_path(&digest))?;
        Ok((digest, size))
    }

    /// Stores what was written if it matches `descriptor`.
    ///
    /// # Errors
    /// [`LayoutError::Damaged`] if it does not, and then nothing is stored.
    pub fn commit_as(self, descriptor: &Descriptor) -> Result<(), LayoutError> {
        verify::check(self.hasher, descriptor.digest, descriptor.size).map_err(|source| {
            LayoutError::Damaged {
                path: self.layout.root.clone(),
                source,
            }
        })?;
        persist(self.file, &self.layout.blob_path(&descriptor.digest))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new file in `.ingest`, locked so that no other process takes it for a leftover.
fn claim(layout: &Layout) -> Result<NamedTempFile, LayoutError> {
    let _lock = layout.lock_shared()?;
    let file = new_file(&layout.ingest())?;
    file.as_file()
        .lock()
        .map_err(io_error("lock", file.path()))?;
    Ok(file)
}
