//! Reading: all content returned has the digest and size of its descriptor.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::file::io_error;
use super::{Layout, LayoutError};
use crate::image::{Config, DocumentError, Index, MAX_DOCUMENT_BYTES, Manifest};
use crate::{Descriptor, Digest, Kind, Mismatch, Platform, VerifyingReader};

impl Layout {
    /// Opens a blob. Reading it to its end verifies it.
    ///
    /// # Errors
    /// [`LayoutError::MissingBlob`] if it does not exist, and [`LayoutError::Damaged`] if its size is
    /// already wrong.
    pub fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<VerifyingReader<Box<dyn Read + Send>>, LayoutError> {
        let (reader, actual) = self.content(&descriptor.digest)?;
        let (digest, expected) = (descriptor.digest, descriptor.size);
        if actual != expected {
            let source = if actual < expected {
                Mismatch::Short {
                    digest,
                    expected,
                    actual,
                }
            } else {
                Mismatch::Long { digest, expected }
            };
            return Err(LayoutError::Damaged {
                path: self.root.clone(),
                source,
            });
        }
        Ok(VerifyingReader::new(reader, digest, expected))
    }

    /// Opens the file that is named by a digest, and returns its size too.
    fn content(&self, digest: &Digest) -> Result<(Box<dyn Read + Send>, u64), LayoutError> {
        let missing = || LayoutError::MissingBlob {
            path: self.root.clone(),
            digest: *digest,
        };
        if let Some(archive) = &self.archive {
            let content = archive.content(digest).ok_or_else(missing)?;
            return Ok((content.reader(), content.size()));
        }
        let path = self.blob_path(digest);
        // Checked before it is opened: opening a pipe would wait for a writer.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(missing()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        let file = File::open(&path).map_err(io_error("open", &path))?;
        Ok((Box::new(file), metadata.len()))
    }

    /// Reads and verifies a manifest, index or configuration.
    ///
    /// # Errors
    /// As [`Layout::blob`], and if it is larger than [`MAX_DOCUMENT_BYTES`].
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let path = self.blob_path(&descriptor.digest);
        if descriptor.size > MAX_DOCUMENT_BYTES {
            let source = DocumentError::TooLarge {
                what: "document",
                size: descriptor.size,
            };
            return Err(LayoutError::Document { path, source });
        }
        let mut bytes = Vec::new();
        let read = self.blob(descriptor)?.read_to_end(&mut bytes);
        read.map_err(|error| self.read_error("read", &path, error))?;
        Ok(bytes)
    }

    /// Reads the image manifest that `descriptor` describes.
    ///
    /// # Errors
    /// As [`Layout::document`], and when it describes something else.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, LayoutError> {
        self.parse(
            descriptor,
            Kind::Manifest,
            "an image manifest",
            Manifest::parse,
        )
    }

    /// Reads the index that `descriptor` describes.
    ///
    /// # Errors
    /// As [`Layout::document`], and when it describes something else.
    pub fn index(&self, descriptor: &Descriptor) -> Result<Index, LayoutError> {
        self.parse(descriptor, Kind::Index, "an image index", Index::parse)
    }

    /// Reads the configuration that `descriptor` describes.
    ///
    /// # Errors
    /// As [`Layout::document`], and when it describes something else.
    pub fn config(&self, descriptor: &Descriptor) -> Result<Config, LayoutError> {
        self.parse(
            descriptor,
            Kind::Config,
            "an image configuration",
            Config::parse,
        )
    }

    /// The manifest for `machine`: the descriptor itself if it describes a manifest, else the entry for
    /// that platform in the index that it describes.
    ///
    /// # Errors
    /// As [`Layout::index`]; [`LayoutError::NoPlatform`] if the index has none for it.
    pub fn select(
        &self,
        descriptor: &Descriptor,
        machine: &Platform,
    ) -> Result<Descriptor, LayoutError> {
        if descriptor.media_type.kind() == Kind::Manifest {
            return Ok(descriptor.clone());
        }
        let index = self.index(descriptor)?;
        index
            .select(machine)
            .cloned()
            .map_err(|source| LayoutError::NoPlatform {
                path: self.root.clone(),
                digest: descriptor.digest,
                source: Box::new(source),
            })
    }

    fn parse<T>(
        &self,
        descriptor: &Descriptor,
        kind: Kind,
        wanted: &'static str,
        parse: fn(&[u8]) -> Result<T, DocumentError>,
    ) -> Result<T, LayoutError> {
        if descriptor.media_type.kind() != kind {
            return Err(LayoutError::WrongKind {
                descriptor: Box::new(descriptor.clone()),
                wanted,
            });
        }
        parse(&self.document(descriptor)?).map_err(|source| LayoutError::Document {
            path: self.blob_path(&descriptor.digest),
            source,
        })
    }

    /// Reads a file that is not content-addressed, up to a limit.
    pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, LayoutError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(io_error("read", path))?;
        Ok(bytes)
    }

    pub(super) fn read_error(
        &self,
        operation: &'static str,
        path: &Path,
        error: io::Error,
    ) -> LayoutError {
        match Mismatch::of(&error) {
            Some(mismatch) => LayoutError::Damaged {
                path: self.root.clone(),
                source: mismatch.clone(),
            },
            None => io_error(operation, path)(error),
        }
    }
}
