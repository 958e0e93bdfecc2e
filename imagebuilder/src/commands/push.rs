//! `imagebuilder push`.

use oci::layout::Layout;
use oci::{Descriptor, Reference};

use super::CommandError;
use super::images::{publish, publisher_for};
use super::run::Context;
use crate::args::Push;

pub(super) fn run(context: &Context, args: &Push) -> Result<(), CommandError> {
    let publisher = publisher_for(context, args.repo.clone(), &args.registry)?;
    let layout = Layout::open(&args.source.layout)?;
    for (name, image) in images(&layout, args)? {
        let tag = args.tag.as_deref().or(name.tag());
        let pushed = publish(context, &publisher, &layout, &name, &image, tag)?;
        let line = pushed.to_string();
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    Ok(())
}

/// The images asked for, each with its name in the layout.
fn images(layout: &Layout, args: &Push) -> Result<Vec<(Reference, Descriptor)>, CommandError> {
    if let Some(reference) = &args.source.image {
        return Ok(vec![(reference.clone(), layout.find(reference)?)]);
    }
    let images = layout.images()?;
    let path = || layout.path().to_owned();
    if images.is_empty() {
        return Err(CommandError::NoImages { layout: path() });
    }
    images
        .into_iter()
        .map(|image| {
            let (layout, digest) = (path(), image.digest);
            let Some(name) = image.ref_name() else {
                return Err(CommandError::Unnamed { layout, digest });
            };
            match name.parse() {
                Ok(reference) => Ok((reference, image)),
                Err(source) => Err(CommandError::Name {
                    layout,
                    digest,
                    source,
                }),
            }
        })
        .collect()
}
