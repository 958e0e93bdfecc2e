//! The files of a layer, and the tar of them.
//!
//! Entries are sorted by path, each after its parents; all have the same given time, and numeric owners.
//! The format is ustar, which every reader supports and which has no optional parts. Names that do not fit
//! are in a pax record before the entry.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use oci::layout::LayoutError;
use oci::{Digest, Hasher};
use tar::{EntryType, Header};

use crate::assets::{Asset, Source};
use crate::file_state::{self, FileState};
use crate::setting_values::User;

/// The bytes of a name in a ustar header.
const NAME_BYTES: usize = 100;

/// The block size of a tar: contents are padded to a multiple of it.
const TAR_BLOCK_BYTES: u64 = 512;

/// Why a layer could not be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error("cannot store a layer")]
    Layout(#[from] LayoutError),
    #[error("cannot write a layer")]
    Write(#[source] io::Error),
    #[error("cannot pack `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the files of a layer changed while they were packed")]
    Changed,
    #[error("a layer is incomplete")]
    Incomplete,
}

/// A file, directory or link of a layer.
#[derive(Debug)]
struct Entry {
    content: Content,
    mode: u32,
    owner: User,
}

#[derive(Debug)]
enum Content {
    Directory,
    Bytes(Vec<u8>),
    /// An open file with this number of bytes: the file that was checked is the one that is packed, and a
    /// large one is never in memory.
    Open(File, u64),
    /// A file that is opened when it is packed, since there may be thousands.
    Path(PathBuf, u64),
    /// A symbolic link, and its target.
    Link(String),
}

/// The files of a layer, by path without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Entry>);

impl Files {
    /// Adds a file owned by root, and its parent directories.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.insert(path, Content::Bytes(content), mode, User::ROOT);
    }

    /// Adds a file owned by root, with the content of an open file of `size` bytes.
    pub(crate) fn open_file(&mut self, path: &str, mode: u32, file: File, size: u64) {
        self.insert(path, Content::Open(file, size), mode, User::ROOT);
    }

    /// Adds a directory, and its parents.
    pub(crate) fn directory(&mut self, path: &str, mode: u32, owner: User) {
        self.insert(path, Content::Directory, mode, owner);
    }

    /// Adds an asset, and its parent directories.
    pub(crate) fn asset(&mut self, path: &str, asset: &Asset) {
        let content = match &asset.source {
            Source::File { path, size } => Content::Path(path.clone(), *size),
            Source::Directory => Content::Directory,
            Source::Link { target } => Content::Link(target.clone()),
        };
        self.insert(path, content, asset.mode.0, asset.owner);
    }

    fn insert(&mut self, path: &str, content: Content, mode: u32, owner: User) {
        for (at, _) in path.match_indices('/') {
            let entry = Entry {
                content: Content::Directory,
                mode: 0o755,
                owner: User::ROOT,
            };
            self.0.entry(path[..at].to_owned()).or_insert(entry);
        }
        let entry = Entry {
            content,
            mode,
            owner,
        };
        self.0.insert(path.to_owned(), entry);
    }

    /// A key for everything that the tar depends on but the content of files on disk, and the state of those.
    pub(super) fn state(&self) -> Result<(String, FileState), LayerError> {
        let mut hasher = Hasher::new();
        let mut state = FileState::default();
        for (path, entry) in &self.0 {
            let (kind, content) = match &entry.content {
                Content::Directory => ('d', String::new()),
                Content::Link(target) => ('l', target.clone()),
                Content::Bytes(bytes) => ('b', Digest::of(bytes).to_string()),
                Content::Open(file, _) => {
                    let metadata = file.metadata().map_err(LayerError::Write)?;
                    state.add(&metadata);
                    ('o', file_state::identity(&metadata))
                }
                Content::Path(source, _) => {
                    state.add(&source.metadata().map_err(unreadable(source))?);
                    ('f', source.display().to_string())
                }
            };
            let (mode, owner) = (entry.mode, entry.owner);
            let line = format!("{path:?} {kind} {mode:o} {owner} {content:?}\n");
            hasher.update(line.as_bytes());
        }
        Ok((hasher.finish().0.to_string(), state))
    }

    /// Writes the files as a tar; `mtime` is in seconds since 1970.
    pub(super) fn write_tar(&self, mtime: u64, out: impl Write) -> Result<(), LayerError> {
        let mut tar = tar::Builder::new(out);
        for (path, entry) in &self.0 {
            let mut header = Header::new_ustar();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.uid.into());
            header.set_gid(entry.owner.gid.into());
            header.set_mtime(mtime);
            let (kind, size) = match &entry.content {
                Content::Directory => (EntryType::Directory, 0),
                Content::Link(_) => (EntryType::Symlink, 0),
                Content::Bytes(bytes) => (EntryType::Regular, bytes.len() as u64),
                Content::Open(_, size) | Content::Path(_, size) => (EntryType::Regular, *size),
            };
            header.set_entry_type(kind);
            header.set_size(size);
            let name = match kind {
                EntryType::Directory => format!("{path}/"),
                _ => path.clone(),
            };
            let target = match &entry.content {
                Content::Link(target) => Some(target.as_str()),
                _ => None,
            };
            set_names(&mut tar, &mut header, &name, target).map_err(LayerError::Write)?;
            header.set_cksum();
            match &entry.content {
                Content::Directory | Content::Link(_) => {
                    tar.append(&header, io::empty())
                        .map_err(LayerError::Write)?;
                }
                Content::Bytes(bytes) => {
                    tar.append(&header, &bytes[..]).map_err(LayerError::Write)?;
                }
                Content::Open(file, size) => append(&mut tar, &header, file, *size, path)?,
                Content::Path(source, size) => {
                    let file = File::open(source).map_err(unreadable(source))?;
                    append(
                        &mut tar,
                        &header,
                        &file,
                        *size,
                        &source.display().to_string(),
                    )?;
                }
            }
        }
        tar.into_inner().map(drop).map_err(LayerError::Write)
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = path.to_owned();
    move |source| LayerError::File { path, source }
}

/// Sets the name of an entry, and its link target. A name that does not fit ustar is in a record before it, by
/// [pax](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03).
fn set_names(
    tar: &mut tar::Builder<impl Write>,
    header: &mut Header,
    name: &str,
    target: Option<&str>,
) -> io::Result<()> {
    let mut records = Vec::new();
    if header.set_path(name).is_err() {
        records.push(("path", name.as_bytes()));
        // Truncated, for readers without support for records.
        header.set_path(&name[..name.floor_char_boundary(NAME_BYTES)])?;
    }
    if let Some(target) = target {
        // Written directly: `set_link_name` would drop `.` from it.
        if header.set_link_name_literal(target).is_err() {
            records.push(("linkpath", target.as_bytes()));
            header.set_link_name_literal(&target[..target.floor_char_boundary(NAME_BYTES)])?;
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    tar.append_pax_extensions(records)
}

/// Appends a file, and fails if it does not have the size in its header, which would make all later entries
/// unreadable. The position of the file is neither used nor moved: another thread may read it too.
fn append(
    tar: &mut tar::Builder<impl Write>,
    header: &Header,
    file: &File,
    size: u64,
    name: &str,
) -> Result<(), LayerError> {
    let out = tar.get_mut();
    let written = out
        .write_all(header.as_bytes())
        .and_then(|()| copy(file, size, out));
    let changed = |problem: &str| LayerError::File {
        path: name.into(),
        source: io::Error::other(problem.to_owned()),
    };
    if written.map_err(LayerError::Write)? != size {
        return Err(changed("it became shorter while it was packed"));
    }
    let now = file.metadata().map_err(LayerError::Write)?.len();
    if now != size {
        return Err(changed("it became longer while it was packed"));
    }
    Ok(())
}

/// Writes the first `size` bytes of a file, and zeros up to a whole block of the tar, as [`tar::Builder::append`]
/// does with sixteen times as many reads. Returns how many bytes the file had.
fn copy(file: &File, size: u64, out: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 128 << 10];
    let mut written = 0;
    while written < size {
        let most =
            usize::try_from(size - written).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        match file.read_at(&mut buffer[..most], written) {
            Ok(0) => break,
            Ok(count) => {
                out.write_all(&buffer[..count])?;
                written += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let padding = written.next_multiple_of(TAR_BLOCK_BYTES) - written;
    io::copy(&mut io::repeat(0).take(padding), out)?;
    Ok(written)
}

#[cfg(test)]
impl Files {
    /// A binary, a file and a directory.
    pub(super) fn sample() -> Self {
        let mut files = Self::default();
        files.file("usr/local/bin/x", 0o755, b"binary".to_vec());
        files.file("etc/passwd", 0o644, b"root:x:0:0:::\n".to_vec());
        files.directory("tmp", 0o1777, User::ROOT);
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn parents_come_before_their_children_and_everything_is_sorted() {
        let mut tar = Vec::new();
        Files::sample().write_tar(7, &mut tar).unwrap();
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

    #[test]
    fn links_of_any_length_are_kept_as_they_are() {
        for target in ["../lib/./x".to_owned(), "n".repeat(300)] {
            let source = Source::Link {
                target: target.clone(),
            };
            let asset = Asset {
                source,
                mode: crate::assets::FileMode(0o777),
                owner: User::ROOT,
            };
            let mut files = Files::default();
            files.asset("srv/link", &asset);
            let mut tar = Vec::new();
            files.write_tar(0, &mut tar).unwrap();
            let mut archive = tar::Archive::new(&tar[..]);
            let last = archive.entries().unwrap().last().unwrap().unwrap();
            assert_eq!(last.header().entry_type(), EntryType::Symlink);
            assert_eq!(last.link_name_bytes().unwrap(), target.as_bytes());
        }
    }
}
