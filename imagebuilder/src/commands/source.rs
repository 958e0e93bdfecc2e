//! The images that a command line names, down to each platform's manifest.

use std::io::{self, Seek as _};

use oci::image::Manifest;
use oci::layout::Layout;
use oci::{Descriptor, Kind};

use super::CommandError;
use super::context::Context;
use crate::engine::Engine;
use crate::place::{Local, Store};

/// An image of a layout.
pub(super) struct Image {
    /// Its name in the layout; its digest where it has none.
    pub(super) name: String,
    pub(super) root: Descriptor,
    /// The manifests: one, or those of the index.
    pub(super) manifests: Vec<(Descriptor, Manifest)>,
}

/// Opens what has the images. Those of a container engine are kept in a file that has no name.
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

/// Reads the documents of the images that are named.
pub(super) fn images(layout: &Layout, source: &Local) -> Result<Vec<Image>, CommandError> {
    let roots = roots(layout, source)?;
    roots.into_iter().map(|root| image(layout, root)).collect()
}

/// The images that are named: one, or all of the layout, which has at least one. What only refers to
/// another image, such as its bill of materials, is not one of them.
pub(super) fn roots(layout: &Layout, source: &Local) -> Result<Vec<Descriptor>, CommandError> {
    let roots = match (&source.store, &source.image) {
        (Store::Layout(_) | Store::Archive(_), Some(reference)) => vec![layout.find(reference)?],
        // The engine was asked for that image alone.
        (Store::Engine, _) | (_, None) => own_images(layout)?,
    };
    if roots.is_empty() {
        return Err(CommandError::NoImages {
            layout: layout.path().to_owned(),
        });
    }
    Ok(roots)
}

fn own_images(layout: &Layout) -> Result<Vec<Descriptor>, CommandError> {
    let mut own = Vec::new();
    for image in layout.images()? {
        if image.ref_name().is_some() || layout.referrer(&image)?.is_none() {
            own.push(image);
        }
    }
    Ok(own)
}

/// The one image, where several cannot be meant.
pub(super) fn only<'a>(
    layout: &Layout,
    images: &'a [Descriptor],
) -> Result<&'a Descriptor, CommandError> {
    match images {
        [image] => Ok(image),
        _ => Err(CommandError::Several {
            layout: layout.path().to_owned(),
            count: images.len(),
        }),
    }
}

fn image(layout: &Layout, root: Descriptor) -> Result<Image, CommandError> {
    let name = match root.ref_name() {
        Some(name) => name.to_owned(),
        None => root.digest.to_string(),
    };
    let mut manifests = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(descriptor) = open.pop() {
        if descriptor.media_type.kind() == Kind::Index {
            let index = layout.index(&descriptor)?;
            open.extend(index.manifests.into_iter().rev());
        } else {
            let manifest = layout.manifest(&descriptor)?;
            manifests.push((descriptor, manifest));
        }
    }
    Ok(Image {
        name,
        root,
        manifests,
    })
}
