//! Reads the layers of an image: their files, and the digest of the tar inside.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use oci::{Compression, Descriptor, Digest, Hasher, Kind, MediaType};
use serde::Serialize;

use crate::image_source::{ImageSource, SourceError};

/// Why a layer could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("cannot read the layer {digest}")]
    Read {
        digest: Digest,
        #[source]
        source: io::Error,
    },
    /// A program's list of crates is damaged.
    #[error("cannot read the crates of `{path}`")]
    Binary {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot read the layer {}: `{}` is not supported", descriptor.digest, descriptor.media_type)]
    Unsupported { descriptor: Box<Descriptor> },
}

/// An entry of a layer's tar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) path: String,
    /// Type and permissions in the form of `ls`, such as `-rwxr-xr-x`.
    pub(crate) mode: String,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size_bytes: u64,
    /// Its modification time, in seconds since 1970.
    #[serde(skip)]
    pub(crate) modified: u64,
    /// The target of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// Whether it is a file with content.
    #[serde(skip)]
    pub(crate) is_file: bool,
}

/// The content of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The digest of the tar.
    pub(crate) diff_id: Digest,
    pub(crate) entries: Vec<Entry>,
}

/// Reads a layer to its end, which verifies the blob.
pub(crate) fn read(
    source: &ImageSource,
    descriptor: &Descriptor,
) -> Result<Contents, ContentError> {
    let mut entries = Vec::new();
    let diff_id = walk(source, descriptor, &mut |entry, _| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(Contents { diff_id, entries })
}

/// A callback for each entry of a layer and its content.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Entry, &mut dyn Read) -> io::Result<()>;

/// Reads a layer to its end, which verifies the blob, and passes each entry to `visit`. Returns the digest
/// of the tar.
pub(crate) fn walk(
    source: &ImageSource,
    descriptor: &Descriptor,
    visit: Visit<'_>,
) -> Result<Digest, ContentError> {
    let cannot = |source| ContentError::Read {
        digest: descriptor.digest,
        source,
    };
    let unsupported = || ContentError::Unsupported {
        descriptor: Box::new(descriptor.clone()),
    };
    let mut blob = source.reader(descriptor)?;
    let tar = unpacked(&mut blob, &descriptor.media_type).ok_or_else(unsupported)?;
    let diff_id = walk_tar(tar, visit).map_err(cannot)?;
    io::copy(&mut blob, &mut io::sink()).map_err(cannot)?;
    Ok(diff_id)
}

/// The tar in a layer; `None` if its compression is not supported.
pub(crate) fn unpacked<'a>(
    blob: impl Read + 'a,
    media_type: &MediaType,
) -> Option<Box<dyn Read + 'a>> {
    match media_type.kind() {
        Kind::Layer(Compression::None) => Some(Box::new(blob)),
        Kind::Layer(Compression::Gzip) => Some(Box::new(MultiGzDecoder::new(blob))),
        Kind::Layer(Compression::Zstd) => {
            Some(Box::new(zstd::stream::read::Decoder::new(blob).ok()?))
        }
        _ => None,
    }
}

fn walk_tar(tar: impl Read, visit: Visit<'_>) -> io::Result<Digest> {
    let mut tar = Hashing {
        inner: tar,
        hasher: Hasher::new(),
    };
    entries(&mut tar, visit)?;
    // The bytes after the last entry are part of the digests too.
    io::copy(&mut tar, &mut io::sink())?;
    Ok(tar.hasher.finish().0)
}

fn entries(tar: impl Read, visit: Visit<'_>) -> io::Result<()> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header();
        let target = entry.link_name()?;
        let kind = header.entry_type();
        let found = Entry {
            path: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
            mode: mode(kind, header.mode()?),
            uid: header.uid()?,
            gid: header.gid()?,
            size_bytes: entry.size(),
            modified: header.mtime()?,
            target: target.map(|target| target.display().to_string()),
            is_file: kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse(),
        };
        visit(found, &mut entry)?;
    }
    Ok(())
}

/// Type and permissions in the form of `ls`.
fn mode(kind: tar::EntryType, bits: u32) -> String {
    let kind = match kind {
        tar::EntryType::Directory => 'd',
        tar::EntryType::Symlink => 'l',
        tar::EntryType::Link => 'h',
        tar::EntryType::Char => 'c',
        tar::EntryType::Block => 'b',
        tar::EntryType::Fifo => 'p',
        _ => '-',
    };
    let mut text = String::from(kind);
    let special = [(0o4000, 's', 'S'), (0o2000, 's', 'S'), (0o1000, 't', 'T')];
    for (class, (bit, with, without)) in special.into_iter().enumerate() {
        let bits_of_class = bits >> (6 - 3 * class);
        text.push(if bits_of_class & 4 != 0 { 'r' } else { '-' });
        text.push(if bits_of_class & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & bit != 0, bits_of_class & 1 != 0) {
            (true, true) => with,
            (true, false) => without,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Hashes what it reads.
struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_shown_as_ls_does() {
        let check = |kind, bits, expected: &str| assert_eq!(mode(kind, bits), expected);
        check(tar::EntryType::Regular, 0o755, "-rwxr-xr-x");
        check(tar::EntryType::Directory, 0o1777, "drwxrwxrwt");
        check(tar::EntryType::Regular, 0o4644, "-rwSr--r--");
        check(tar::EntryType::Symlink, 0o2710, "lrwx--s---");
    }
}
