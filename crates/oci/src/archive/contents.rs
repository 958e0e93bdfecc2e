//! The content of the tar, and its order.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use tar::{EntryType, Header};

use crate::copy::{CopyError, Source};
use crate::image::{Index, Manifest, canonical};
use crate::{Descriptor, Digest, Kind, Platform, Reference, annotation};

/// The unit of a tar: headers are one, and content is padded to a multiple.
const BLOCK_BYTES: u64 = 512;

/// Why an archive of images of a source with errors `S` could not be created.
type ArchiveError<S> = CopyError<S, io::Error>;

/// A tar of images whose blobs are read while the tar is.
#[derive(Debug)]
pub struct Archive<'a, S> {
    pub(super) source: &'a S,
    pub(super) parts: Vec<Part>,
    size: u64,
}

/// A piece of the tar.
#[derive(Debug)]
pub(super) enum Part {
    Bytes(Vec<u8>),
    Blob(Descriptor),
}

/// An entry of Docker's `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    layers: Vec<String>,
    repo_tags: Vec<String>,
}

/// The parts of an image.
#[derive(Default)]
struct Walk {
    blobs: BTreeMap<Digest, Descriptor>,
    documents: BTreeMap<Digest, Vec<u8>>,
    /// The manifests of root file systems, in the order of the index.
    images: Vec<(Option<Platform>, Manifest)>,
}

impl<'a, S: Source> Archive<'a, S> {
    /// An archive of images and their names; one without a tag has the tag `latest` for an engine.
    /// `referrers` are in it without a name, as in a layout.
    ///
    /// For an engine that does not read the index there is one manifest of each image: the one for
    /// `platform`, or the first.
    ///
    /// # Errors
    /// When a manifest or index cannot be read.
    pub fn new(
        source: &'a S,
        images: &[(Reference, Descriptor)],
        referrers: &[Descriptor],
        platform: Option<&Platform>,
    ) -> Result<Self, ArchiveError<S::Error>> {
        let mut all = Walk::default();
        let mut entries = Vec::new();
        let mut docker = Vec::new();
        for (name, root) in images {
            let mut walk = Walk::default();
            walk.add(source, root)?;
            docker.extend(walk.for_docker(name, platform));
            all.blobs.append(&mut walk.blobs);
            all.documents.append(&mut walk.documents);
            entries.push(named(root, name));
        }
        for referrer in referrers {
            let mut walk = Walk::default();
            walk.add(source, referrer)?;
            all.blobs.append(&mut walk.blobs);
            all.documents.append(&mut walk.documents);
            entries.push(referrer.clone());
        }
        let mut archive = Self {
            source,
            parts: Vec::new(),
            size: 0,
        };
        let layout = canonical(&serde_json::json!({ "imageLayoutVersion": "1.0.0" }));
        archive.file("oci-layout", layout);
        archive.file("index.json", Index::new(entries).to_bytes().0);
        archive.file("manifest.json", canonical(&docker));
        archive.header("blobs/", EntryType::Directory, 0);
        archive.header("blobs/sha256/", EntryType::Directory, 0);
        // By digest, documents among blobs.
        let mut contents: BTreeMap<Digest, Part> = BTreeMap::new();
        for (digest, blob) in all.blobs {
            contents.insert(digest, Part::Blob(blob));
        }
        for (digest, bytes) in all.documents {
            contents.insert(digest, Part::Bytes(bytes));
        }
        for (digest, part) in contents {
            let name = blob_name(&digest);
            match part {
                Part::Bytes(bytes) => archive.file(&name, bytes),
                Part::Blob(blob) => archive.blob(&name, blob),
            }
        }
        // Two empty blocks end a tar.
        archive.bytes(vec![0; 1024]);
        Ok(archive)
    }

    /// The size of the tar in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The blobs that are read while the tar is read.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.parts.iter().filter_map(|part| match part {
            Part::Blob(blob) => Some(blob),
            Part::Bytes(_) => None,
        })
    }

    fn file(&mut self, name: &str, bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        self.header(name, EntryType::Regular, size);
        self.bytes(bytes);
        self.pad(size);
    }

    fn blob(&mut self, name: &str, blob: Descriptor) {
        let size = blob.size;
        self.header(name, EntryType::Regular, size);
        self.size += size;
        self.parts.push(Part::Blob(blob));
        self.pad(size);
    }

    fn header(&mut self, name: &str, kind: EntryType, size: u64) {
        let mut header = Header::new_ustar();
        header
            .set_path(name)
            .expect("every name here fits into a header");
        let mode = if kind == EntryType::Directory {
            0o755
        } else {
            0o644
        };
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        self.bytes(header.as_bytes().to_vec());
    }

    fn pad(&mut self, size: u64) {
        let padding = size.next_multiple_of(BLOCK_BYTES) - size;
        if padding > 0 {
            let zeros = usize::try_from(padding).expect("padding is less than a block");
            self.bytes(vec![0; zeros]);
        }
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        self.size += bytes.len() as u64;
        match self.parts.last_mut() {
            Some(Part::Bytes(before)) => before.extend(bytes),
            _ => self.parts.push(Part::Bytes(bytes)),
        }
    }
}

impl Walk {
    fn add<S: Source>(
        &mut self,
        source: &S,
        descriptor: &Descriptor,
    ) -> Result<(), ArchiveError<S::Error>> {
        let digest = descriptor.digest;
        let bytes = source
            .document(descriptor)
            .map_err(|source| CopyError::Read { digest, source })?;
        let document = |source| CopyError::Document { digest, source };
        match descriptor.media_type.kind() {
            Kind::Manifest => {
                let manifest = Manifest::parse(&bytes).map_err(document)?;
                let blobs = std::iter::once(&manifest.config).chain(&manifest.layers);
                for blob in blobs.filter(|blob| !blob.media_type.is_foreign()) {
                    self.blobs.insert(blob.digest, blob.clone());
                }
                let layers = &manifest.layers;
                let is_image = manifest.config.media_type.kind() == Kind::Config
                    && layers
                        .iter()
                        .all(|layer| matches!(layer.media_type.kind(), Kind::Layer(_)));
                if is_image {
                    self.images.push((descriptor.platform.clone(), manifest));
                }
            }
            Kind::Index => {
                for child in Index::parse(&bytes).map_err(document)?.manifests {
                    self.add(source, &child)?;
                }
            }
            Kind::Config | Kind::Layer(_) | Kind::Other => {
                let media_type = descriptor.media_type.clone();
                return Err(CopyError::Kind { digest, media_type });
            }
        }
        self.documents.insert(digest, bytes);
        Ok(())
    }

    /// The manifest for Docker.
    fn for_docker(&self, name: &Reference, platform: Option<&Platform>) -> Option<DockerImage> {
        let runs = |of: &Option<Platform>| {
            let of = of.as_ref();
            platform.is_some_and(|machine| of.is_some_and(|of| of.runs_on(machine)))
        };
        let chosen = self.images.iter().find(|(of, _)| runs(of));
        let (_, manifest) = chosen.or(self.images.first())?;
        let path = |blob: &Descriptor| blob_name(&blob.digest);
        Some(DockerImage {
            config: path(&manifest.config),
            layers: manifest.layers.iter().map(path).collect(),
            repo_tags: vec![format!("{}:{}", name.name(), tag(name))],
        })
    }
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The tag of a name, as an engine completes it.
fn tag(name: &Reference) -> &str {
    name.tag().unwrap_or("latest")
}

/// The entry of `index.json`: with the name as in a layout, and as containerd, podman and Docker read
/// it.
fn named(root: &Descriptor, name: &Reference) -> Descriptor {
    let mut entry = root.clone();
    let full = format!("{}:{}", name.full_name(), tag(name));
    entry.annotations.extend([
        (annotation::REF_NAME.to_owned(), name.to_string()),
        (annotation::IMAGE_NAME.to_owned(), name.name()),
        (annotation::CONTAINERD_IMAGE_NAME.to_owned(), full),
    ]);
    entry
}
