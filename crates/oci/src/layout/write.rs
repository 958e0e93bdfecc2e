//! Writing: blobs get their name when they are complete and on disk, never before.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;

use super::file::{io_error, new_file, persist};
use super::{Layout, LayoutError};
use crate::{Descriptor, Digest, Hasher, verify};

/// How much is copied at a time. For files on disk, larger sizes were not measurably faster.
const BUFFER_BYTES: usize = 128 * 1024;

/// How much is written before the disk starts on it, so that it does not start only when all is written.
const FLUSH_BYTES: usize = 4 << 20;

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
            unflushed: 0,
            flusher: None,
        })
    }
}

/// A thread that writes a file's bytes to disk while more are added.
#[derive(Debug)]
struct Flusher {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flusher {
    fn start(file: File) -> Self {
        let (wake, woken) = sync_channel(1);
        // The kernel reports an error of the disk once, so it may not be ignored here.
        let thread = thread::spawn(move || woken.iter().try_for_each(|()| file.sync_data()));
        Self { wake, thread }
    }

    /// Waits for the thread, and returns its error.
    fn finish(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().expect("flushing does not panic")
    }
}

/// A blob being written. If it is dropped without a commit, nothing is left.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Layout,
    file: NamedTempFile,
    hasher: Hasher,
    /// The number of bytes since the flusher was last woken.
    unflushed: usize,
    /// It is started for a large blob.
    flusher: Option<Flusher>,
}

impl BlobWriter {
    /// Stores what was written under its digest, and returns the digest and the size in bytes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn commit(self) -> Result<(Digest, u64), LayoutError> {
        let (digest, size) = self.hasher.finish();
        store(self.file, self.flusher, &self.layout.blob_path(&digest))?;
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
        let path = self.layout.blob_path(&descriptor.digest);
        store(self.file, self.flusher, &path)
    }

    fn flush_in_background(&mut self) -> io::Result<()> {
        if self.flusher.is_none() {
            let file = self.file.as_file().try_clone()?;
            self.flusher = Some(Flusher::start(file));
        }
        // If it is busy, it will find these bytes too. If it failed, `store` returns its error.
        if let Some(flusher) = &self.flusher {
            let _ = flusher.wake.try_send(());
        }
        self.unflushed = 0;
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.unflushed += count;
        if self.unflushed >= FLUSH_BYTES {
            self.flush_in_background()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Gives a blob its name once it is on disk.
fn store(file: NamedTempFile, flusher: Option<Flusher>, path: &Path) -> Result<(), LayoutError> {
    if let Some(flusher) = flusher {
        flusher.finish().map_err(io_error("write", path))?;
    }
    persist(file, path)
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
