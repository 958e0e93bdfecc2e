//! `imagebuilder push`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use oci::layout::Layout;
use oci::referrers::Referrers;
use oci::{Descriptor, Reference, annotation};

use super::CommandError;
use super::context::Context;
use super::platform::select;
use super::progress::show;
use super::publishing::{creating, destination};
use super::repository::{expect_digest_of, publisher};
use super::source::{only, open, roots};
use crate::args::Push;
use crate::registry::{Prefix, PublishError, PublishEvent, Publisher, TransferOptions};

/// How many images are pushed at once. Each mostly waits for the registry; the number of blobs sent at once
/// is limited for all images together.
const IMAGES: usize = 8;

/// An image, its destination and its publisher.
struct Parcel<'a> {
    root: Descriptor,
    destination: Reference,
    publisher: &'a Publisher,
}

pub(super) fn run(context: &Context, args: &Push) -> Result<(), CommandError> {
    let layout = open(context, &args.source)?;
    let pushes = pushes(&layout, args)?;
    // One for each registry, so that all its images share what is known about it.
    let mut publishers = BTreeMap::new();
    for (_, destination) in &pushes {
        let registry = destination.registry().unwrap_or_default().to_owned();
        if let Entry::Vacant(entry) = publishers.entry(registry) {
            let publisher = publisher(context, destination, &args.registry)?;
            entry.insert(creating(publisher, &args.creation)?);
        }
    }
    let parcel = |(root, destination): (Descriptor, Reference)| Parcel {
        publisher: &publishers[destination.registry().unwrap_or_default()],
        root,
        destination,
    };
    let parcels: Vec<_> = pushes.into_iter().map(parcel).collect();
    let options = TransferOptions {
        check: args.check,
        referrers: Referrers::All,
    };
    if args.dry_run {
        let events = |event: PublishEvent| context.printer.status(&event.to_string());
        for parcel in &parcels {
            let Parcel {
                root,
                destination,
                publisher,
            } = parcel;
            publisher.preview(&layout, destination, root, options, &events)?;
        }
        return Ok(());
    }
    let (references, failure) = push(context, &layout, &parcels, options);
    for reference in references {
        let line = reference.to_string();
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// Pushes images with a few workers; the first failure stops the others at their next image. Returns the
/// names of the pushed images, in their order.
fn push(
    context: &Context,
    layout: &Layout,
    parcels: &[Parcel<'_>],
    options: TransferOptions<'_>,
) -> (Vec<Reference>, Option<PublishError>) {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let pushed = Mutex::new(BTreeMap::new());
    show(context, |elapsed, events| {
        let work = || {
            while !stopped.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(Parcel {
                    root,
                    destination,
                    publisher,
                }) = parcels.get(at)
                else {
                    return;
                };
                match publisher.publish(layout, destination, root, None, options, elapsed, events) {
                    Ok(reference) => {
                        let mut pushed = pushed.lock().unwrap_or_else(PoisonError::into_inner);
                        pushed.insert(at, reference);
                    }
                    Err(error) => {
                        stopped.store(true, Ordering::Relaxed);
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        failure.get_or_insert(error);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..IMAGES.min(parcels.len()) {
                scope.spawn(work);
            }
            work();
        });
    });
    let pushed = pushed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    (pushed.into_values().collect(), failure)
}

/// The images to push, and their destinations.
fn pushes(layout: &Layout, args: &Push) -> Result<Vec<(Descriptor, Reference)>, CommandError> {
    let images = roots(layout, &args.source)?;
    let from = args.source.to_string();
    let select = |image: &Descriptor| select(layout, image, args.platform.as_ref(), &from);
    if let Some(prefix) = &args.repo {
        let place = |image: Descriptor| {
            let destination = place(layout, prefix, &image, args.tag.as_deref())?;
            Ok((select(&image)?, destination))
        };
        return images.into_iter().map(place).collect();
    }
    let image = select(only(&args.source, &images)?)?;
    let references = args.references.iter().map(|reference| {
        expect_digest_of(reference, &image)?;
        Ok((image.clone(), reference.clone().without_digest()))
    });
    references.collect()
}

/// The destination of an image of the layout below a prefix, by its name.
///
/// Other programs write only a tag (`v1.2`), or a full name (`docker.io/library/app:v1`). Neither is the
/// name of a repository below the prefix, and guessing could push to an unintended place.
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
