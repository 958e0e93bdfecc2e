//! The images that a command line names, down to each platform's manifest.

use std::io::{self, Seek as _};

use oci::image::Manifest;
use oci::layout::Layout;
use oci::registry::Access;
use oci::{Descriptor, Kind, annotation};

use super::CommandError;
use super::context::Context;
use super::repository::{repository, tag_or_digest};
use crate::args::Registry;
use crate::engine::Engine;
use crate::image_source::{ImageSource, SourceError};
use crate::place::{Local, Place, Store};

/// An image of a layout.
pub(super) struct Image {
    /// Its name in the layout; its digest if it has none.
    pub(super) name: String,
    pub(super) root: Descriptor,
    /// The manifests: one, or those of the index.
    pub(super) manifests: Vec<(Descriptor, Manifest)>,
}

/// Opens the source of the images. Those of a container engine are stored in an unnamed temporary file.
pub(super) fn open(context: &Context, source: &Local) -> Result<Layout, CommandError> {
    match &source.store {
        Store::Layout(path) => Ok(Layout::open(path)?),
        Store::Archive(path) => Ok(Layout::open_archive(path)?),
        Store::Engine => {
            let name = source.image.as_ref().expect("the parser requires a name");
            let engine = Engine::new(&context.environment.engine)?;
            let mut tar = engine.save(name)?;
            let mut file = tempfile::tempfile().map_err(CommandError::Keep)?;
            io::copy(&mut tar, &mut file).map_err(CommandError::Keep)?;
            file.rewind().map_err(CommandError::Keep)?;
            Ok(Layout::of_archive(source.to_string(), file)?)
        }
    }
}

/// Opens the source of the images, and reads the documents of those that are named.
pub(super) fn images(
    context: &Context,
    place: &Place,
    registry: &Registry,
) -> Result<(ImageSource, Vec<Image>), CommandError> {
    let (source, roots) = match place {
        Place::Local(local) => {
            let layout = open(context, local)?;
            let roots = roots(&layout, local)?;
            (ImageSource::Layout(layout), roots)
        }
        Place::Registry(reference) => {
            let repository = repository(context, reference, registry, Access::Pull)?;
            let found = repository.manifest(&tag_or_digest(reference)?);
            let found = found.map_err(|source| CommandError::Remote {
                operation: "read the manifest of",
                reference: Box::new(reference.clone()),
                source,
            })?;
            let mut root = found.descriptor;
            let name = (annotation::REF_NAME.to_owned(), reference.to_string());
            root.annotations.extend([name]);
            (ImageSource::Registry(Box::new(repository)), vec![root])
        }
    };
    let images = roots.into_iter().map(|root| image(&source, root));
    let images = images.collect::<Result<_, _>>();
    Ok((source, images.map_err(CommandError::Source)?))
}

/// The images that are named: one, or all of the layout, which has at least one.
pub(super) fn roots(layout: &Layout, source: &Local) -> Result<Vec<Descriptor>, CommandError> {
    let roots = match (&source.store, &source.image) {
        (Store::Layout(_) | Store::Archive(_), Some(reference)) => vec![layout.find(reference)?],
        // The engine returned only that image.
        (Store::Engine, _) | (_, None) => layout.images()?,
    };
    if roots.is_empty() {
        return Err(CommandError::NoImages {
            layout: layout.path().to_owned(),
        });
    }
    Ok(roots)
}

/// The only image, for commands that do not accept several.
pub(super) fn only<'a, T>(place: &impl ToString, images: &'a [T]) -> Result<&'a T, CommandError> {
    match images {
        [image] => Ok(image),
        _ => Err(CommandError::NameOne {
            place: place.to_string(),
            count: images.len(),
        }),
    }
}

fn image(source: &ImageSource, root: Descriptor) -> Result<Image, SourceError> {
    let name = match root.ref_name() {
        Some(name) => name.to_owned(),
        None => root.digest.to_string(),
    };
    let mut manifests = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(descriptor) = open.pop() {
        if descriptor.media_type.kind() == Kind::Index {
            let index = source.index(&descriptor)?;
            open.extend(index.manifests.into_iter().rev());
        } else {
            let manifest = source.manifest(&descriptor)?;
            manifests.push((descriptor, manifest));
        }
    }
    Ok(Image {
        name,
        root,
        manifests,
    })
}
