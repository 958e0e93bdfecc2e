//! Layers: deterministic tar, compressed and hashed as it is written.
//!
//! Entries are sorted by path, each with its parents before it; times are the one given; owners
//! are numbers. The format is ustar, which every reader knows and which has no optional parts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use flate2::{Compression, GzBuilder};
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Hasher, MediaType};
use tar::{EntryType, Header};

/// Measured with zlib-rs on 2 busy cores: a service of 1.6 MB takes 0.08 s and becomes 47.6 % of its
/// size; level 1 is three times as fast for 59.0 %, and level 9 takes twice as long for 46.0 %. The
/// image is pulled more often than it is packed. The level is part of the digest.
const LEVEL: u32 = 6;

/// The bytes of a name in a ustar header.
const NAME_BYTES: usize = 100;

/// Why a layer could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error("cannot store a layer")]
    Layout(#[from] LayoutError),
    #[error("cannot write a layer")]
    Write(#[source] io::Error),
}

/// A file or directory of a layer.
#[derive(Debug)]
struct Entry {
    content: Content,
    mode: u32,
    owner: u32,
}

#[derive(Debug)]
enum Content {
    Directory,
    Bytes(Vec<u8>),
    /// An open file of so many bytes: what was checked is what is packed, and a large one is
    /// never in memory.
    Open(File, u64),
}

/// The files of a layer, by path without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Entry>);

/// A layer that is stored: what the manifest and the configuration say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The compressed blob.
    pub(crate) descriptor: Descriptor,
    /// The digest of the tar inside.
    pub(crate) diff_id: Digest,
    /// What made it, for the image's history.
    pub(crate) created_by: String,
}

impl Files {
    /// Adds a file of root's, and the directories it is in.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.parents(path);
        self.insert(path, Content::Bytes(content), mode, 0);
    }

    /// Adds a file of root's with the content of an open one of `size` bytes.
    pub(crate) fn open_file(&mut self, path: &str, mode: u32, file: File, size: u64) {
        self.parents(path);
        self.insert(path, Content::Open(file, size), mode, 0);
    }

    /// Adds a directory, and those it is in.
    pub(crate) fn directory(&mut self, path: &str, mode: u32, owner: u32) {
        self.parents(path);
        self.insert(path, Content::Directory, mode, owner);
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let entry = Entry {
                content: Content::Directory,
                mode: 0o755,
                owner: 0,
            };
            self.0.entry(path[..at].to_owned()).or_insert(entry);
        }
    }

    fn insert(&mut self, path: &str, content: Content, mode: u32, owner: u32) {
        self.0.insert(
            path.to_owned(),
            Entry {
                content,
                mode,
                owner,
            },
        );
    }

    /// Writes the files as a tar; `mtime` is in seconds since 1970.
    fn write_tar(&self, mtime: u64, out: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        for (path, entry) in &self.0 {
            let mut header = Header::new_ustar();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.into());
            header.set_gid(entry.owner.into());
            header.set_mtime(mtime);
            let (kind, size) = match &entry.content {
                Content::Directory => (EntryType::Directory, 0),
                Content::Bytes(bytes) => (EntryType::Regular, bytes.len() as u64),
                Content::Open(_, size) => (EntryType::Regular, *size),
            };
            header.set_entry_type(kind);
            header.set_size(size);
            let name = match kind {
                EntryType::Directory => format!("{path}/"),
                _ => path.clone(),
            };
            set_path(&mut tar, &mut header, &name)?;
            header.set_cksum();
            match &entry.content {
                Content::Directory => tar.append(&header, io::empty())?,
                Content::Bytes(bytes) => tar.append(&header, &bytes[..])?,
                Content::Open(file, size) => append(&mut tar, &header, file, *size)?,
            }
        }
        tar.into_inner().map(drop)
    }

    /// Stores the files as a layer.
    pub(crate) fn store(
        &self,
        layout: &Layout,
        mtime: u64,
        created_by: &str,
    ) -> Result<Layer, LayerError> {
        let blob = layout.blob_writer()?;
        // The default header: no name, no time, and an unknown operating system.
        let gzip = GzBuilder::new().write(blob, Compression::new(LEVEL));
        let mut tee = Tee {
            inner: gzip,
            hasher: Hasher::new(),
        };
        self.write_tar(mtime, &mut tee).map_err(LayerError::Write)?;
        let blob = tee.inner.finish().map_err(LayerError::Write)?;
        let (diff_id, _) = tee.hasher.finish();
        let (digest, size) = blob.commit()?;
        let descriptor = Descriptor::new(MediaType::OCI_LAYER_GZIP, digest, size);
        Ok(Layer {
            descriptor,
            diff_id,
            created_by: created_by.to_owned(),
        })
    }
}

/// Names an entry. A name for which ustar has no room is in a record before it, by
/// [pax](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03).
fn set_path(tar: &mut tar::Builder<impl Write>, header: &mut Header, name: &str) -> io::Result<()> {
    if header.set_path(name).is_ok() {
        return Ok(());
    }
    tar.append_pax_extensions([("path", name.as_bytes())])?;
    // For readers that know no records, as much as fits.
    let short = &name[..name.floor_char_boundary(NAME_BYTES)];
    header.set_path(short)
}

/// Appends a file from its start; one that is not as long as its header says would make every later
/// entry unreadable.
fn append(
    tar: &mut tar::Builder<impl Write>,
    header: &Header,
    mut file: &File,
    size: u64,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    tar.append(header, file.take(size))?;
    if file.stream_position()? == size {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the binary became shorter meanwhile",
        ))
    }
}

/// Hashes what it passes on.
struct Tee<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Files {
        let mut files = Files::default();
        files.file("usr/local/bin/x", 0o755, b"binary".to_vec());
        files.file("etc/passwd", 0o644, b"root:x:0:0:::\n".to_vec());
        files.directory("tmp", 0o1777, 0);
        files
    }

    /// Changing the compressor, its level or the tar changes every image's digest: on purpose only.
    #[test]
    fn the_digest_of_a_layer_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::create(directory.path()).unwrap();
        let layer = sample().store(&layout, 0, "test").unwrap();
        assert_eq!(
            layer.diff_id.to_string(),
            "sha256:d356afc24c69552c5e3c02b519cadfae1d6b8532b39558ee57231f04c7622d7c"
        );
        assert_eq!(
            layer.descriptor.digest.to_string(),
            "sha256:6c5320718a567490033f51e0f39c41ddc5dfa64794415409ca069e671a912459"
        );
    }

    #[test]
    fn names_of_any_length_are_kept() {
        for length in [99, 100, 101, 155, 156, 300] {
            for path in [
                "n".repeat(length),
                format!("usr/local/bin/{}", "é".repeat(length / 2)),
            ] {
                let mut files = Files::default();
                files.file(&path, 0o755, b"binary".to_vec());
                let mut tar = Vec::new();
                files.write_tar(0, &mut tar).unwrap();
                let mut archive = tar::Archive::new(&tar[..]);
                let last = archive.entries().unwrap().last().unwrap().unwrap();
                assert_eq!(last.path().unwrap().to_str().unwrap(), path);
            }
        }
    }

    #[test]
    fn an_open_file_is_packed_as_its_bytes_are() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"binary").unwrap();
        let tar = |file: File, size| {
            let mut files = Files::default();
            files.open_file("usr/local/bin/x", 0o755, file, size);
            let mut tar = Vec::new();
            files.write_tar(0, &mut tar).map(|()| tar)
        };
        let mut bytes = Files::default();
        bytes.file("usr/local/bin/x", 0o755, b"binary".to_vec());
        let mut expected = Vec::new();
        bytes.write_tar(0, &mut expected).unwrap();
        assert_eq!(tar(file.try_clone().unwrap(), 6).unwrap(), expected);
        assert!(tar(file, 7).is_err(), "it is shorter than it was");
    }

    #[test]
    fn parents_come_before_their_children_and_everything_is_sorted() {
        let mut tar = Vec::new();
        sample().write_tar(7, &mut tar).unwrap();
        let mut archive = tar::Archive::new(&tar[..]);
        let mut listed = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (7, 0));
            let path = entry.path().unwrap().display().to_string();
            listed.push(format!(
                "{:o} {path} {}",
                header.mode().unwrap(),
                content.trim_end()
            ));
        }
        assert_eq!(
            listed,
            [
                "755 etc/ ",
                "644 etc/passwd root:x:0:0:::",
                "1777 tmp/ ",
                "755 usr/ ",
                "755 usr/local/ ",
                "755 usr/local/bin/ ",
                "755 usr/local/bin/x binary",
            ]
        );
    }
}
