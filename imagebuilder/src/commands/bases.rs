//! The bases of a run: their places, and their digests in `imagebuilder.lock`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use oci::layout::Layout;
use oci::registry::Access;
use oci::{Descriptor, Digest, Platform};

use super::ImageError;
use super::context::Context;
use super::deliver::create_cache;
use super::publishing::publisher_for;
use crate::args::Registry;
use crate::base::{Base, BaseError, Origin, Pins};
use crate::base_name::BaseName;
use crate::builder::BuildError;
use crate::cache::Cache;
use crate::place::{Local, Place, Store};

/// The command line's options for bases, and where their content is kept.
#[derive(Clone, Debug)]
pub(super) struct BaseOptions<'a> {
    pub(super) registry: &'a Registry,
    /// Updates the lock file.
    pub(super) update: bool,
    /// Requires every base to be in the lock file.
    pub(super) locked: bool,
    /// Sends no requests to registries.
    pub(super) offline: bool,
    /// The folder of the lock file.
    pub(super) root: PathBuf,
    /// The layout that caches documents of registries, and layers that were read.
    pub(super) documents: PathBuf,
    /// The environment variable that chooses the directory of `documents`.
    pub(super) variable: &'static str,
    pub(super) cache: &'a Cache,
}

/// Reads each base once.
pub(super) struct Bases<'a> {
    context: &'a Context,
    options: BaseOptions<'a>,
    pins: Pins,
    read: BTreeMap<(String, Vec<Platform>), Arc<Base>>,
    /// The digests that are not in the lock file yet.
    new: BTreeMap<String, Digest>,
}

impl<'a> Bases<'a> {
    /// Reads the lock file.
    pub(super) fn new(context: &'a Context, options: BaseOptions<'a>) -> Result<Self, ImageError> {
        let pins = Pins::read(&options.root).map_err(BuildError::Pin)?;
        Ok(Self {
            context,
            options,
            pins,
            read: BTreeMap::new(),
            new: BTreeMap::new(),
        })
    }

    /// The base with this name, for platforms; `None` for `scratch`.
    pub(super) fn get(
        &mut self,
        name: &BaseName,
        platforms: &[Platform],
    ) -> Result<Option<Arc<Base>>, ImageError> {
        let Some(place) = name.place() else {
            return Ok(None);
        };
        let text = name.to_string();
        let key = (text.clone(), platforms.to_vec());
        if let Some(base) = self.read.get(&key) {
            return Ok(Some(base.clone()));
        }
        let failed = |source| BuildError::Base {
            base: text.clone(),
            source,
        };
        let named = match place {
            Place::Registry(reference) => reference.digest(),
            Place::Local(local) => local.image.as_ref().and_then(oci::Reference::digest),
        };
        let kept = self.pins.get(&text);
        let pinned = named.or(kept.filter(|_| !self.options.update));
        if pinned.is_none() && self.options.locked {
            let lock = self.pins.path().to_owned();
            return Err(failed(BaseError::Unpinned { lock }).into());
        }
        let origin = self.origin(place, &text)?;
        let cache = create_cache(self.options.documents.clone(), self.options.variable)?;
        let base = Base::read(text.clone(), origin, pinned, platforms, cache);
        let base = Arc::new(base.map_err(failed)?);
        if pinned.is_none() && kept != Some(base.root()) {
            let status = format!("Pinned {text} to {} in imagebuilder.lock", base.root());
            self.context.printer.status(&status);
            self.new.insert(text.clone(), base.root());
        }
        self.read.insert(key, base.clone());
        Ok(Some(base))
    }

    /// Adds new digests to the lock file.
    pub(super) fn pin(self) -> Result<(), ImageError> {
        if self.new.is_empty() {
            return Ok(());
        }
        let lock = self.options.cache.folder().join("imagebuilder.lock.lock");
        let added = self.pins.add(&self.new, &lock).map_err(BuildError::Pin);
        Ok(added?)
    }

    fn origin(&self, place: &Place, text: &str) -> Result<Origin, ImageError> {
        match place {
            Place::Registry(reference) => {
                let registry = reference.registry().unwrap_or_default();
                let publisher = publisher_for(self.context, registry, self.options.registry)?;
                Ok(Origin::Registry {
                    repository: Box::new(publisher.repository(reference, Access::Pull)),
                    reference: Box::new(reference.clone()),
                    offline: self.options.offline,
                })
            }
            Place::Local(local) => {
                let (layout, root) = image(local).map_err(|source| BuildError::Base {
                    base: text.to_owned(),
                    source,
                })?;
                Ok(Origin::Layout {
                    layout,
                    root: Box::new(root),
                })
            }
        }
    }
}

/// The image of a layout or tar that is named, or its only one.
fn image(local: &Local) -> Result<(Layout, Descriptor), BaseError> {
    let layout = match &local.store {
        Store::Layout(path) => Layout::open(path)?,
        Store::Archive(path) => Layout::open_archive(path)?,
        Store::Engine => unreachable!("the parser refuses it"),
    };
    let root = match &local.image {
        Some(image) => layout.find(image)?,
        None => match &layout.images()?[..] {
            [image] => image.clone(),
            images => {
                let (layout, count) = (layout.path().to_owned(), images.len());
                return Err(BaseError::Several { layout, count });
            }
        },
    };
    Ok((layout, root))
}
