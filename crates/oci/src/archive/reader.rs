//! Reading an archive as one stream.

use std::io::{self, Read};
use std::slice::Iter;

use super::contents::{Archive, Part};
use crate::Descriptor;
use crate::copy::Source;

/// The bytes of an archive.
pub struct ArchiveReader<'a, S> {
    source: &'a S,
    parts: Iter<'a, Part>,
    current: Box<dyn Read + Send + 'a>,
    /// The blob that `current` reads, and the bytes read of it.
    blob: Option<(&'a Descriptor, u64)>,
}

impl<S: Source> Archive<'_, S> {
    /// Reads the tar from its start. The reader fails if a blob does not match its descriptor.
    pub fn reader(&self) -> ArchiveReader<'_, S> {
        ArchiveReader::new(self)
    }
}

impl<'a, S> ArchiveReader<'a, S> {
    fn new(archive: &'a Archive<'a, S>) -> Self {
        Self {
            source: archive.source,
            parts: archive.parts.iter(),
            current: Box::new(io::empty()),
            blob: None,
        }
    }

    /// The blob that was read last, and how many of its bytes have been read.
    pub fn blob(&self) -> Option<(&'a Descriptor, u64)> {
        self.blob
    }
}

impl<S: Source> Read for ArchiveReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                if let Some((_, bytes)) = &mut self.blob {
                    *bytes += count as u64;
                }
                return Ok(count);
            }
            self.blob = None;
            self.current = match self.parts.next() {
                Some(Part::Bytes(bytes)) => Box::new(&bytes[..]),
                Some(Part::Blob(blob)) => {
                    self.blob = Some((blob, 0));
                    self.source.open(blob)?
                }
                None => return Ok(0),
            };
        }
    }
}
