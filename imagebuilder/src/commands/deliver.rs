//! Delivers the images of a command to layouts, tars, the container engine and a registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cli::{Exit, ExitError as _};
use oci::archive::Archive;
use oci::layout::Layout;
use oci::referrers::{Referrers, copy_with_referrers};
use oci::registry::Access;
use oci::{Descriptor, Platform, Reference, annotation};

use super::ImageError;
use super::context::Context;
use super::publishing::{creating, destination, publish, publisher_for};
use super::tar_file;
use crate::args::Destinations;
use crate::attest::sign_tag;
use crate::base::{Base, Content};
use crate::builder::Built;
use crate::engine::Engine;
use crate::key::PrivateKey;
use crate::place::{Local, Output, Store};
use crate::registry::{Prefix, Publisher};

/// The destinations, checked as far as possible before there is an image.
pub(super) struct Delivery<'a> {
    context: &'a Context,
    arguments: &'a Destinations,
    publisher: Option<(Prefix, Publisher)>,
    /// The container engine if it is a destination, and its platform.
    engine: Option<(Engine, Platform)>,
}

/// An image, its name unless a destination sets another, and its base.
pub(super) struct Parcel<'a> {
    pub(super) name: &'a Reference,
    pub(super) built: &'a Built,
    pub(super) base: Option<&'a Arc<Base>>,
}

impl<'a> Delivery<'a> {
    /// Checks the destinations.
    pub(super) fn new(
        context: &'a Context,
        arguments: &'a Destinations,
    ) -> Result<Self, ImageError> {
        let publisher = arguments.repo.clone().map(|prefix| {
            let publisher = publisher_for(context, prefix.registry(), &arguments.registry)?;
            let publisher = creating(publisher, &arguments.creation)?;
            Ok::<_, ImageError>((prefix, publisher))
        });
        let publisher = publisher.transpose()?;
        if publisher.is_none() && arguments.output.contains(&Output::Registry) {
            return Err(ImageError::NoRepo);
        }
        let is_engine = |output: &Output| matches!(output, Output::Local(local) if local.store == Store::Engine);
        let engine = arguments.output.iter().any(is_engine).then(|| {
            let engine = Engine::new(&context.environment.engine)?;
            let platform = engine.platform()?;
            Ok::<_, ImageError>((engine, platform))
        });
        Ok(Self {
            context,
            arguments,
            publisher,
            engine: engine.transpose()?,
        })
    }

    /// Reports what would be reported only once the images are built: a registry that refuses the credentials or
    /// cannot be reached, and a tar that cannot be written.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        for local in self.arguments.locals() {
            if let Store::Archive(path) = &local.store {
                let writable = cli::check_replaceable(path);
                writable.map_err(|source| ImageError::WriteArchive {
                    path: path.clone(),
                    source,
                })?;
            }
        }
        let Some((_, publisher)) = &self.publisher else {
            return Ok(());
        };
        match publisher.authenticate() {
            Err(error) if matches!(error.exit(), Exit::Authentication | Exit::Unreachable) => {
                Err(error.into())
            }
            // A push reports any other response in more detail.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The layout in which images are built: the first one that is named; else `default`, or `own` if they
    /// are only passed on. `variable` chooses the directory of the latter two.
    pub(super) fn layout(
        &self,
        own: PathBuf,
        default: PathBuf,
        variable: &'static str,
    ) -> Result<Layout, ImageError> {
        if let Some(path) = self.arguments.locals().find_map(|local| layout(local)) {
            return Ok(Layout::create(path)?);
        }
        let is_default = self.arguments.output.is_empty() && self.publisher.is_none();
        create_cache(if is_default { default } else { own }, variable)
    }

    /// The name under which an image called `name` is reported and pushed, without a tag: that of the first
    /// destination.
    pub(super) fn lead(&self, name: &Reference) -> Reference {
        let mut names = self
            .arguments
            .locals()
            .filter_map(|local| local.image.clone());
        names.next().unwrap_or_else(|| name.clone()).without_tag()
    }

    /// Delivers an image in `layout` to all destinations except tars. Returns its name by digest, with its
    /// registry if it was pushed. `tag_key` also signs it there under a tag.
    pub(super) fn deliver(
        &self,
        layout: &Layout,
        parcel: &Parcel<'_>,
        tag_key: Option<&PrivateKey>,
    ) -> Result<Reference, ImageError> {
        let built = parcel.built;
        let content = Content {
            layout,
            bases: parcel.base.map(std::slice::from_ref).unwrap_or_default(),
        };
        let mut is_named = false;
        for local in self.arguments.locals() {
            let names = self.names_at(local, parcel.name);
            match &local.store {
                Store::Layout(path) if path == layout.path() => {
                    content.complete()?;
                    put(layout, built, &names)?;
                    is_named = true;
                }
                Store::Layout(path) => copy_to(content, path, built, &names)?,
                Store::Engine => self.load(content, &built.root, names)?,
                Store::Archive(_) => {}
            }
        }
        let lead = self.lead(parcel.name);
        // A layout from which images are only passed on need not have the layers of a base, and its index
        // does not list an image without them.
        let passes_through = !self.arguments.output.is_empty() || self.publisher.is_some();
        if !is_named && (parcel.base.is_none() || !passes_through) {
            content.complete()?;
            put(layout, built, &with_tags(&lead, &self.tags()))?;
        }
        let Some((prefix, publisher)) = &self.publisher else {
            return Ok(lead.with_digest(built.root.digest));
        };
        let untagged = destination(prefix, &lead, None)?;
        let destinations = with_tags(&untagged, &self.tags());
        let Some(key) = tag_key else {
            return self.publish_all(publisher, content, &destinations, built);
        };
        // The image's own tags are written last.
        self.publish_all(publisher, content, std::slice::from_ref(&untagged), built)?;
        let repository = publisher.repository(&untagged, Access::Push);
        for image in &built.images {
            let signed = sign_tag(&repository, &untagged.name(), image, key);
            signed.map_err(|source| ImageError::SignatureTag {
                digest: *image,
                source,
            })?;
        }
        self.publish_all(publisher, content, &destinations, &without_referrers(built))
    }

    /// Pushes an image under each of its names, of which there is at least one, and its referrers before the
    /// first one. Returns its name by digest.
    fn publish_all(
        &self,
        publisher: &Publisher,
        content: Content<'_>,
        destinations: &[Reference],
        built: &Built,
    ) -> Result<Reference, ImageError> {
        let (first, more) = destinations.split_first().expect("an image has a name");
        let reference = publish(self.context, publisher, content, first, built)?;
        let built = without_referrers(built);
        for destination in more {
            publish(self.context, publisher, content, destination, &built)?;
        }
        Ok(reference)
    }

    /// Writes the tars, each with all images.
    pub(super) fn finish(&self, layout: &Layout, parcels: &[Parcel<'_>]) -> Result<(), ImageError> {
        let bases = parcels.iter().filter_map(|parcel| parcel.base.cloned());
        let bases: Vec<_> = bases.collect();
        let content = Content {
            layout,
            bases: &bases,
        };
        for local in self.arguments.locals() {
            let Store::Archive(path) = &local.store else {
                continue;
            };
            let named = parcels.iter().flat_map(|parcel| {
                let names = self.names_at(local, parcel.name);
                let root = &parcel.built.root;
                names.into_iter().map(|name| (name, root.clone()))
            });
            let images: Vec<_> = named.collect();
            let failed = |source| ImageError::Archive {
                path: path.clone(),
                source,
            };
            let archive = Archive::new(&content, &images, &[], None).map_err(failed)?;
            let bytes = tar_file::write(path, archive.reader());
            let bytes = bytes.map_err(|source| ImageError::WriteArchive {
                path: path.clone(),
                source,
            })?;
            let status = format!("Wrote {}: {}", path.display(), cli::Bytes(bytes));
            self.context.printer.status(&status);
        }
        Ok(())
    }

    fn load(
        &self,
        content: Content<'_>,
        root: &Descriptor,
        names: Vec<Reference>,
    ) -> Result<(), ImageError> {
        let (engine, platform) = self
            .engine
            .as_ref()
            .expect("the engine is one of the destinations");
        let images: Vec<_> = names.into_iter().map(|name| (name, root.clone())).collect();
        let archive = Archive::new(&content, &images, &[], Some(platform));
        let archive = archive.map_err(|source| ImageError::Archive {
            path: "docker".into(),
            source,
        })?;
        for line in engine.load(&mut archive.reader(), archive.size())? {
            self.context.printer.status(&line);
        }
        Ok(())
    }

    /// The tags of `--tag`, else that of the first destination with one.
    fn tags(&self) -> Vec<&'a str> {
        if !self.arguments.tags.is_empty() {
            return self.given_tags();
        }
        let mut named = self
            .arguments
            .locals()
            .filter_map(|local| local.image.as_ref()?.tag());
        named.next().into_iter().collect()
    }

    fn given_tags(&self) -> Vec<&'a str> {
        self.arguments.tags.iter().map(String::as_str).collect()
    }

    /// The names at a destination of the image that is otherwise called `name`.
    fn names_at(&self, local: &'a Local, name: &Reference) -> Vec<Reference> {
        match &local.image {
            Some(image) => with_tags(image, &self.given_tags()),
            None => with_tags(name, &self.tags()),
        }
    }
}

/// Creates a layout in a directory that `variable` of the environment chooses.
pub(super) fn create_cache(path: PathBuf, variable: &'static str) -> Result<Layout, ImageError> {
    Layout::create(path).map_err(|source| ImageError::Cache { variable, source })
}

fn layout(local: &Local) -> Option<&Path> {
    match &local.store {
        Store::Layout(path) => Some(path),
        Store::Archive(_) | Store::Engine => None,
    }
}

/// An image whose referrers are already in the registry.
fn without_referrers(built: &Built) -> Built {
    Built {
        referrers: Vec::new(),
        ..built.clone()
    }
}

/// The name with each of the tags, or the name itself if there are none.
fn with_tags(name: &Reference, tags: &[&str]) -> Vec<Reference> {
    if tags.is_empty() {
        return vec![name.clone()];
    }
    let tagged = tags.iter().map(|tag| name.clone().with_tag(tag));
    tagged
        .map(|name| name.expect("the command line checked the tag"))
        .collect()
}

/// Adds an image to the layout's index, after its referrers.
fn put(layout: &Layout, built: &Built, names: &[Reference]) -> Result<(), ImageError> {
    for referrer in &built.referrers {
        layout.put_index_entry(referrer)?;
    }
    for name in names {
        layout.put_index_entry(&named(&built.root, name))?;
    }
    Ok(())
}

/// Copies an image to another layout.
fn copy_to(
    content: Content<'_>,
    path: &Path,
    built: &Built,
    names: &[Reference],
) -> Result<(), ImageError> {
    let other = Layout::create(path)?;
    let referrers = Referrers::These(&built.referrers);
    let copied = copy_with_referrers(&content, &other, &built.root, referrers, &[], &|_| {});
    copied.map_err(|source| ImageError::Copy {
        path: path.to_owned(),
        source,
    })?;
    for name in names {
        other.put_index_entry(&named(&built.root, name))?;
    }
    Ok(())
}

/// The entry of a layout's index.
fn named(root: &Descriptor, name: &Reference) -> Descriptor {
    let mut entry = root.clone();
    entry.annotations.extend([
        (annotation::REF_NAME.to_owned(), name.to_string()),
        (annotation::IMAGE_NAME.to_owned(), name.name()),
    ]);
    entry
}
