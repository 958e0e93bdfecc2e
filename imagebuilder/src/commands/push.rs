//! `imagebuilder push`.

use anyhow::{Context as _, bail};
use oci::layout::Layout;
use oci::{Descriptor, Reference};

use super::images::{publish, publisher_for};
use super::run::Context;
use crate::args::Push;

pub(super) fn run(context: &Context, args: &Push) -> anyhow::Result<()> {
    let publisher = publisher_for(context, args.repo.clone(), &args.registry)?;
    let layout = Layout::open(&args.source.layout)?;
    for (name, image) in images(&layout, args)? {
        let tag = args.tag.as_deref().or(name.tag());
        let pushed = publish(context, &publisher, &layout, &name, &image, tag)?;
        context
            .printer
            .data(&pushed.to_string())
            .context("cannot write to standard output")?;
    }
    Ok(())
}

/// The images asked for, each with its name in the layout.
fn images(layout: &Layout, args: &Push) -> anyhow::Result<Vec<(Reference, Descriptor)>> {
    if let Some(reference) = &args.source.image {
        return Ok(vec![(reference.clone(), layout.find(reference)?)]);
    }
    let images = layout.images()?;
    let path = layout.path().display();
    if images.is_empty() {
        bail!("`{path}` has no image");
    }
    images
        .into_iter()
        .map(|image| {
            let Some(name) = image.ref_name() else {
                bail!(
                    "the image {} of `{path}` has no name to push it by",
                    image.digest
                );
            };
            let reference = name.parse();
            let what = || format!("cannot push the image {} of `{path}`", image.digest);
            Ok((reference.with_context(what)?, image))
        })
        .collect()
}
