//! A layout in a tar, which is read-only: an OCI archive, or the output of `docker save`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tar::EntryType;

use super::LayoutError;
use super::file::io_error;
use crate::image::{Config, DocumentError, Index, MAX_DOCUMENT_BYTES, Manifest};
use crate::{Compression, Descriptor, Digest, Hasher, MediaType, annotation};

/// The longest chain of links that is followed.
const MAX_LINKS: usize = 8;

/// The content of an archive.
#[derive(Debug)]
pub(super) struct Archive {
    /// `index.json`, or one created from Docker's `manifest.json`.
    pub(super) index: Vec<u8>,
    blobs: BTreeMap<Digest, Content>,
}

/// The location of some content.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// In the tar.
    Range(Range),
    /// In memory, converted from Docker's form.
    Bytes(Arc<[u8]>),
}

/// A part of a file, read from any thread.
#[derive(Clone, Debug)]
pub(super) struct Range {
    file: Arc<File>,
    at: u64,
    left: u64,
}

/// What the tar has under a name.
enum Member {
    File {
        at: u64,
        size: u64,
    },
    /// A link: the name of another member.
    Link(String),
}

/// An image of Docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The members of a tar by name.
struct Members<'a> {
    path: &'a Path,
    file: Arc<File>,
    named: BTreeMap<String, Member>,
}

impl Content {
    /// Its size in bytes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Range(range) => range.left,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    pub(super) fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Range(range) => Box::new(range.clone()),
            Self::Bytes(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
        }
    }
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Archive {
    /// Reads the list of members of the tar `file`; `path` is its name in errors.
    pub(super) fn read(path: &Path, file: File) -> Result<Self, LayoutError> {
        let members = Members::read(path, Arc::new(file))?;
        if members.named.contains_key("oci-layout") {
            return Self::oci(&members);
        }
        if members.named.contains_key("manifest.json") {
            return Self::docker(&members);
        }
        Err(members.not("it has neither `oci-layout` nor `manifest.json`"))
    }

    /// The content with this digest.
    pub(super) fn content(&self, digest: &Digest) -> Option<&Content> {
        self.blobs.get(digest)
    }

    fn oci(members: &Members) -> Result<Self, LayoutError> {
        let blobs = members.named.keys().filter_map(|name| {
            let hex = name.strip_prefix("blobs/sha256/")?;
            let digest = format!("sha256:{hex}").parse().ok()?;
            Some((digest, Content::Range(members.range(name)?)))
        });
        Ok(Self {
            index: members.document("index.json")?,
            blobs: blobs.collect(),
        })
    }

    fn docker(members: &Members) -> Result<Self, LayoutError> {
        let bytes = members.document("manifest.json")?;
        let invalid = |file: &str, source| LayoutError::Document {
            path: members.path.join(file),
            source,
        };
        let images: Vec<DockerImage> = serde_json::from_slice(&bytes).map_err(|source| {
            let what = "list of images";
            invalid("manifest.json", DocumentError::Json { what, source })
        })?;
        let mut blobs = BTreeMap::new();
        let mut entries = Vec::new();
        for image in images {
            let config_bytes = members.document(&image.config)?;
            let config = Config::parse(&config_bytes);
            let config = config.map_err(|source| invalid(&image.config, source))?;
            let diff_ids = config.diff_ids().unwrap_or_default();
            if diff_ids.len() != image.layers.len() {
                return Err(members.not("the layers of an image do not match its diff IDs"));
            }
            let mut layers = Vec::new();
            for (name, diff_id) in image.layers.iter().zip(diff_ids) {
                let range = members.range(name);
                let range = range.ok_or_else(|| members.not("a layer is missing"))?;
                let layer = describe(&range, diff_id)
                    .map_err(io_error("read", &members.path.join(name)))?;
                blobs.insert(layer.digest, Content::Range(range));
                layers.push(layer);
            }
            let descriptor = Descriptor::of(MediaType::OCI_CONFIG, &config_bytes);
            blobs.insert(descriptor.digest, Content::Bytes(config_bytes.into()));
            let (bytes, mut root) = Manifest::new(descriptor, layers).to_bytes();
            blobs.insert(root.digest, Content::Bytes(bytes.into()));
            root.platform = Some(config.platform());
            let names = image.repo_tags.unwrap_or_default();
            if names.is_empty() {
                entries.push(root.clone());
            }
            for name in names {
                let mut entry = root.clone();
                let annotations = &mut entry.annotations;
                annotations.insert(annotation::REF_NAME.to_owned(), name);
                entries.push(entry);
            }
        }
        let (index, _) = Index::new(entries).to_bytes();
        Ok(Self { index, blobs })
    }
}

/// The descriptor of a layer of `docker save`, which is a plain tar, or compressed by other writers.
fn describe(range: &Range, diff_id: Digest) -> io::Result<Descriptor> {
    let mut magic = Vec::new();
    range.clone().take(4).read_to_end(&mut magic)?;
    let compression = match magic[..] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
        _ => Compression::None,
    };
    let media_type = MediaType::layer(compression);
    if compression == Compression::None {
        return Ok(Descriptor::new(media_type, diff_id, range.left));
    }
    let mut hasher = Hasher::new();
    let mut reader = range.clone();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let (digest, size) = hasher.finish();
    Ok(Descriptor::new(media_type, digest, size))
}

impl<'a> Members<'a> {
    fn read(path: &'a Path, file: Arc<File>) -> Result<Self, LayoutError> {
        let mut members = Self {
            path,
            file,
            named: BTreeMap::new(),
        };
        let mut magic = [0; 4];
        let count = members.file.read_at(&mut magic, 0);
        let count = count.map_err(io_error("read", path))?;
        match magic[..count] {
            [0x1f, 0x8b, ..] => {
                return Err(members.not("it is compressed by gzip: decompress it first"));
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                return Err(members.not("it is compressed by zstd: decompress it first"));
            }
            _ => {}
        }
        match members.scan() {
            Ok(()) if !members.named.is_empty() => Ok(members),
            // The first block of any other file is not a valid header.
            Err(error) if !members.named.is_empty() || error.raw_os_error().is_some() => {
                Err(io_error("read", path)(error))
            }
            Ok(()) | Err(_) => Err(members.not("it is not a tar")),
        }
    }

    fn scan(&mut self) -> io::Result<()> {
        let mut archive = tar::Archive::new(&*self.file);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = normalize(&name);
            let member = match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => Member::File {
                    at: entry.raw_file_position(),
                    size: entry.size(),
                },
                kind @ (EntryType::Symlink | EntryType::Link) => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    let target = String::from_utf8_lossy(&target).into_owned();
                    // A hard link's target is from the root of the tar.
                    match name.rsplit_once('/') {
                        Some((folder, _)) if kind == EntryType::Symlink => {
                            Member::Link(normalize(&format!("{folder}/{target}")))
                        }
                        _ => Member::Link(normalize(&target)),
                    }
                }
                _ => continue,
            };
            self.named.insert(name, member);
        }
        Ok(())
    }

    fn range(&self, name: &str) -> Option<Range> {
        let mut name = normalize(name);
        for _ in 0..=MAX_LINKS {
            match self.named.get(&name)? {
                Member::File { at, size } => {
                    return Some(Range {
                        file: Arc::clone(&self.file),
                        at: *at,
                        left: *size,
                    });
                }
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, LayoutError> {
        let path = self.path.join(name);
        let range = self.range(name);
        let range = range.ok_or_else(|| self.not("it refers to a file that is missing"))?;
        if range.left > MAX_DOCUMENT_BYTES {
            let size = range.left;
            let what = "document";
            let source = DocumentError::TooLarge { what, size };
            return Err(LayoutError::Document { path, source });
        }
        let size = range.left;
        let mut bytes = Vec::new();
        let mut range = range;
        range
            .read_to_end(&mut bytes)
            .and_then(|count| {
                if count as u64 == size {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            })
            .map_err(io_error("read", &path))?;
        Ok(bytes)
    }

    fn not(&self, problem: &'static str) -> LayoutError {
        LayoutError::NotAnArchive {
            path: self.path.to_owned(),
            problem,
        }
    }
}

/// A path of a tar, without `.`, `..` and repeated slashes.
fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_within_the_tar() {
        let check = |path: &str, expected: &str| assert_eq!(normalize(path), expected);
        check("./a//b/.", "a/b");
        check("abc/../def/layer.tar", "def/layer.tar");
        check("../../x", "x");
    }
}
