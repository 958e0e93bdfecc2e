//! A base: its manifests and configurations, for the platforms of a run.

use std::io::{self, Read};

use oci::image::{Config, Index, MAX_DOCUMENT_BYTES, Manifest, NoPlatform};
use oci::layout::Layout;
use oci::{Descriptor, Digest, Kind, MediaType, Platform, Reference};

use super::error::BaseError;
use super::layers;
use super::origin::Origin;
use crate::cache::Cache;
use crate::elf::RootFs;

/// An image that others are built on.
#[derive(Debug)]
pub(crate) struct Base {
    /// As the settings or the command line name it.
    name: String,
    /// Its manifest or index.
    root: Digest,
    images: Vec<(Platform, BaseImage)>,
    origin: Origin,
    /// Has documents of a registry, and layers that were read.
    cache: Layout,
}

/// A base for one platform.
#[derive(Clone, Debug)]
pub(crate) struct BaseImage {
    /// The digest of its manifest.
    pub(crate) manifest: Digest,
    pub(crate) config: Config,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) diff_ids: Vec<Digest>,
}

impl Base {
    /// Reads the base `name` for `platforms`; `pinned` is its digest, if it is known.
    ///
    /// # Errors
    /// When it cannot be read, or is not for one of the platforms.
    pub(crate) fn read(
        name: String,
        origin: Origin,
        pinned: Option<Digest>,
        platforms: &[Platform],
        cache: Layout,
    ) -> Result<Self, BaseError> {
        let reader = Documents {
            origin: &origin,
            cache: &cache,
        };
        let (root, bytes) = match pinned {
            Some(digest) => reader.pinned(&digest)?,
            None => reader.keep(origin.resolve()?)?,
        };
        let images = platforms.iter().map(|platform| {
            let image = reader.image(&root, &bytes, platform)?;
            Ok((platform.clone(), image))
        });
        let images = images.collect::<Result<_, BaseError>>()?;
        Ok(Self {
            name,
            root: root.digest,
            images,
            origin,
            cache,
        })
    }

    /// As the settings or the command line name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The digest of its manifest or index.
    pub(crate) fn root(&self) -> Digest {
        self.root
    }

    /// Its reference, if it is an image of a registry.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        match &self.origin {
            Origin::Layout { .. } => None,
            Origin::Registry { reference, .. } => Some(reference),
        }
    }

    /// The image for a platform of the run.
    pub(crate) fn image(&self, platform: &Platform) -> &BaseImage {
        let found = self.images.iter().find(|(of, _)| of == platform);
        &found.expect("it was read for every platform").1
    }

    /// Its layers, for all platforms.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Descriptor> {
        self.images.iter().flat_map(|(_, image)| &image.layers)
    }

    /// Whether a blob is one of its layers.
    pub(super) fn has(&self, descriptor: &Descriptor) -> bool {
        self.layers().any(|layer| layer.digest == descriptor.digest)
    }

    /// Opens a layer.
    pub(super) fn open(&self, layer: &Descriptor) -> io::Result<Box<dyn Read + Send>> {
        if self.cache.has_blob(layer) {
            return oci::copy::Source::open(&self.cache, layer);
        }
        self.origin.open(layer)
    }

    /// The libraries of the image for a platform, after reading its layers. `found` caches them by the
    /// digest of the manifest; `reading` is called if the layers have to be read.
    ///
    /// # Errors
    /// When a layer cannot be read.
    pub(crate) fn root_fs(
        &self,
        platform: &Platform,
        found: &Cache,
        reading: &mut dyn FnMut(u64),
    ) -> Result<RootFs, BaseError> {
        let image = self.image(platform);
        let key = image.manifest.to_string();
        if let Some(root) = found.get("bases", &key) {
            return Ok(root);
        }
        reading(image.layers.iter().map(|layer| layer.size).sum());
        for layer in &image.layers {
            if matches!(self.origin, Origin::Registry { .. }) && !self.cache.has_blob(layer) {
                let read = |source| BaseError::Read {
                    digest: layer.digest,
                    source,
                };
                let mut reader = self.origin.open(layer).map_err(read)?;
                self.cache.write_blob(layer, &mut reader)?;
            }
        }
        let root = layers::read(&image.layers, |layer| self.open(layer))?;
        found.put("bases", &key, &root);
        Ok(root)
    }
}

/// Reads documents, and keeps those of a registry.
struct Documents<'a> {
    origin: &'a Origin,
    cache: &'a Layout,
}

impl Documents<'_> {
    fn pinned(&self, digest: &Digest) -> Result<(Descriptor, Vec<u8>), BaseError> {
        match self.kept(digest) {
            Some(found) => Ok(found),
            None => self.keep(self.origin.document(digest)?),
        }
    }

    fn keep(&self, found: (Descriptor, Vec<u8>)) -> Result<(Descriptor, Vec<u8>), BaseError> {
        if matches!(self.origin, Origin::Registry { .. }) {
            self.cache.write_bytes(&found.1)?;
        }
        Ok(found)
    }

    /// A document that was kept; one that is damaged is read again.
    fn kept(&self, digest: &Digest) -> Option<(Descriptor, Vec<u8>)> {
        if matches!(self.origin, Origin::Layout { .. }) {
            return None;
        }
        let path = self.cache.blob_path(digest);
        let size = std::fs::metadata(&path).ok()?.len();
        let bytes = (size <= MAX_DOCUMENT_BYTES).then(|| std::fs::read(path).ok())??;
        let media_type = if let Ok(index) = Index::parse(&bytes) {
            index.media_type.unwrap_or(MediaType::OCI_INDEX.into())
        } else {
            let media_type = Manifest::parse(&bytes).ok()?.media_type;
            media_type.unwrap_or(MediaType::OCI_MANIFEST.into())
        };
        let descriptor = Descriptor::of(media_type, &bytes);
        (descriptor.digest == *digest).then_some((descriptor, bytes))
    }

    fn image(
        &self,
        root: &Descriptor,
        bytes: &[u8],
        platform: &Platform,
    ) -> Result<BaseImage, BaseError> {
        let document = |digest: Digest| move |source| BaseError::Document { digest, source };
        let (descriptor, bytes) = if root.media_type.kind() == Kind::Index {
            let index = Index::parse(bytes).map_err(document(root.digest))?;
            let chosen = index.select(platform);
            let chosen = chosen.map_err(|error| BaseError::Platform(Box::new(error)))?;
            self.pinned(&chosen.digest)?
        } else {
            (root.clone(), bytes.to_vec())
        };
        let digest = descriptor.digest;
        let manifest = Manifest::parse(&bytes).map_err(document(digest))?;
        let config = self.config(&manifest.config)?;
        let actual = config.platform();
        if !actual.runs_on(platform) {
            return Err(BaseError::Platform(Box::new(NoPlatform {
                wanted: platform.clone(),
                available: actual.to_string(),
            })));
        }
        let diff_ids = config.diff_ids().map_err(|source| BaseError::DiffId {
            config: manifest.config.digest,
            source,
        })?;
        if diff_ids.len() != manifest.layers.len() {
            return Err(BaseError::Layers {
                config: manifest.config.digest,
                diff_ids: diff_ids.len(),
                layers: manifest.layers.len(),
            });
        }
        let layers = manifest.layers.into_iter().map(layer);
        Ok(BaseImage {
            manifest: digest,
            config,
            layers: layers.collect::<Result<_, _>>()?,
            diff_ids,
        })
    }

    fn config(&self, descriptor: &Descriptor) -> Result<Config, BaseError> {
        let digest = descriptor.digest;
        let invalid = |source| BaseError::Document { digest, source };
        if self.cache.has_blob(descriptor)
            && let Ok(bytes) = self.cache.document(descriptor)
        {
            return Config::parse(&bytes).map_err(invalid);
        }
        let read = |source| BaseError::Read { digest, source };
        let mut bytes = Vec::new();
        let reader = self.origin.open(descriptor).map_err(read)?;
        // One byte more is too large for the parser.
        let mut reader = reader.take(MAX_DOCUMENT_BYTES + 1);
        reader.read_to_end(&mut bytes).map_err(read)?;
        let config = Config::parse(&bytes).map_err(invalid)?;
        if matches!(self.origin, Origin::Registry { .. }) {
            self.cache.write_bytes(&bytes)?;
        }
        Ok(config)
    }
}

/// A layer as an OCI manifest describes it: Docker's media types for the same bytes are not valid
/// there.
fn layer(layer: Descriptor) -> Result<Descriptor, BaseError> {
    let media_type = match layer.media_type.kind() {
        Kind::Layer(compression) => MediaType::layer(compression),
        _ if layer.media_type.is_foreign() => layer.media_type.clone(),
        _ => {
            let (digest, media_type) = (layer.digest, layer.media_type);
            return Err(BaseError::Layer { digest, media_type });
        }
    };
    Ok(Descriptor {
        media_type,
        ..layer
    })
}
