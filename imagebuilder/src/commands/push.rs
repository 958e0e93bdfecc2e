//! `imagebuilder push`.

use oci::layout::Layout;
use oci::{Descriptor, Reference, annotation};

use super::CommandError;
use super::context::Context;
use super::images::{destination, publish};
use super::repository::publisher;
use super::source::{only, roots};
use crate::args::Push;
use crate::registry::{Prefix, PublishEvent};

pub(super) fn run(context: &Context, args: &Push) -> Result<(), CommandError> {
    let layout = Layout::open(&args.source.layout)?;
    for (image, destination) in pushes(&layout, args)? {
        let publisher = publisher(context, &destination, &args.registry)?;
        if args.dry_run {
            let events = |event: PublishEvent| context.printer.status(&event.to_string());
            publisher.preview(&layout, &destination, &image, &events)?;
            continue;
        }
        let pushed = publish(context, &publisher, &layout, &destination, &image)?;
        let line = pushed.to_string();
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    Ok(())
}

/// What to push, and where to.
fn pushes(layout: &Layout, args: &Push) -> Result<Vec<(Descriptor, Reference)>, CommandError> {
    let images = roots(layout, &args.source)?;
    if let Some(prefix) = &args.repo {
        let place = |image: Descriptor| {
            let destination = place(layout, prefix, &image, args.tag.as_deref())?;
            Ok((image, destination))
        };
        return images.into_iter().map(place).collect();
    }
    let image = only(layout, &images)?;
    let references = args.references.iter().map(|reference| {
        let digest = image.digest;
        if reference.digest().is_some_and(|other| other != digest) {
            let reference = Box::new(reference.clone());
            return Err(CommandError::OtherImage { reference, digest });
        }
        Ok((image.clone(), reference.clone().without_digest()))
    });
    references.collect()
}

/// Where an image of the layout goes below a prefix, by its name.
///
/// Other programs write a tag alone (`v1.2`), or a full name (`docker.io/library/app:v1`): neither is
/// the name of a repository below the prefix, and a guess would push to a place that nobody asked for.
fn place(
    layout: &Layout,
    prefix: &Prefix,
    image: &Descriptor,
    tag: Option<&str>,
) -> Result<Reference, CommandError> {
    let digest = image.digest;
    let path = || layout.path().to_owned();
    let Some(text) = image.ref_name() else {
        let layout = path();
        return Err(CommandError::Unnamed { layout, digest });
    };
    let name: Reference = text.parse().map_err(|source| CommandError::Name {
        layout: path(),
        digest,
        source,
    })?;
    let refuse = |problem| {
        let (layout, name) = (path(), text.to_owned());
        Err(CommandError::Place {
            layout,
            name,
            problem,
        })
    };
    if name.registry().is_some() {
        return refuse("the full name of another place");
    }
    let ours = image.annotations.contains_key(annotation::IMAGE_NAME);
    if !ours && name.tag().is_none() && !name.repository().contains('/') {
        return refuse("a name that may be a tag");
    }
    Ok(destination(prefix, &name, tag.or(name.tag()))?)
}
