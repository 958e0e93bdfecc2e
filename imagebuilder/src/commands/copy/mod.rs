//! `imagebuilder copy`: an image from one place to another, byte for byte.

mod pack;

use std::io;
use std::path::Path;

use oci::copy::{CopyError, Destination, Source};
use oci::layout::{Layout, LayoutError};
use oci::referrers::Referrers;
use oci::registry::{Access, RegistryError};
use oci::{Descriptor, Reference};

use super::context::Context;
use super::platform::select;
use super::progress::show;
use super::repository::{expect_digest_of, publisher, tag_or_digest};
use super::source::{only, open, roots};
use super::{CommandError, CopyFailure};
use crate::args::Copy;
use crate::image_source::SourceError;
use crate::place::{Place, Store};
use crate::registry::{
    Creation, DryRun, Holdings, Plan, PublishEvent, Publisher, TransferOptions, transfer,
};

pub(super) fn run(context: &Context, args: &Copy) -> Result<(), CommandError> {
    match &args.source {
        Place::Local(local) => {
            let layout = open(context, local)?;
            let root = only(local, &roots(&layout, local)?)?.clone();
            let name = root.ref_name().map(str::to_owned);
            from(context, args, &layout, None, &root, name)
        }
        Place::Registry(reference) => {
            let publisher = publisher(context, reference, &args.registry)?;
            let repository = publisher.repository(reference, Access::Pull);
            let found = repository.manifest(&tag_or_digest(reference)?);
            let root = found.map_err(|source| CommandError::Remote {
                operation: "read the manifest of",
                reference: Box::new(reference.clone()),
                source,
            })?;
            let tag = reference.tag().map(|tag| format!(":{tag}"));
            let name = format!("{}{}", reference.repository(), tag.unwrap_or_default());
            let origin = Origin {
                reference,
                publisher: &publisher,
            };
            let (origin, root) = (Some(origin), &root.descriptor);
            from(context, args, &repository, origin, root, Some(name))
        }
    }
}

/// The registry that an image is copied from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    reference: &'a Reference,
    publisher: &'a Publisher,
}

/// Copies `root` of a source. Its name in a layout is `name`, unless another is given.
fn from<S: Source>(
    context: &Context,
    args: &Copy,
    source: &S,
    origin: Option<Origin<'_>>,
    root: &Descriptor,
    name: Option<String>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, LayoutError>>
        + From<CopyError<S::Error, RegistryError>>
        + From<CopyError<S::Error, io::Error>>,
    SourceError: From<S::Error>,
{
    let platform = args.platform.as_ref();
    let root = &select(source, root, platform, &args.source.to_string())?;
    match &args.destination {
        Place::Local(local) => {
            let named = match &local.image {
                Some(image) => {
                    expect_digest_of(image, root)?;
                    Some(image.clone().without_digest().to_string())
                }
                None => None,
            };
            let name = named.or(name);
            match &local.store {
                Store::Layout(path) if args.dry_run => {
                    let layout = existing(path)?;
                    would(context, args, source, layout, root, name.as_deref())?;
                }
                Store::Layout(path) => {
                    let layout = Layout::create(path)?;
                    to(context, args, source, &layout, root, name.as_deref())?;
                }
                Store::Archive(_) | Store::Engine => {
                    pack::pack(context, args, source, local, root, name)?;
                }
            }
            print(context, args, &root.digest.to_string())
        }
        Place::Registry(reference) => {
            expect_digest_of(reference, root)?;
            let same = origin.filter(|origin| origin.reference.registry() == reference.registry());
            let other;
            let publisher = if let Some(origin) = same {
                origin.publisher
            } else {
                other = publisher(context, reference, &args.registry)?;
                &other
            };
            let mut repository = publisher.repository(reference, Access::Push);
            if let Some(origin) = same {
                // Within one registry, blobs are mounted instead of sent.
                repository = repository.with_mount_source(origin.reference.repository());
            }
            if args.dry_run {
                return would(context, args, source, repository, root, reference.tag());
            }
            let events = |event: PublishEvent| context.printer.status(&event.to_string());
            let creation = if args.creation.create_repository {
                publisher.create_repository(reference.repository(), &events)?
            } else {
                Creation::default()
            };
            let copied = to(context, args, source, &repository, root, reference.tag());
            let failure = copied.as_ref().err().map(|error| {
                matches!(error, CommandError::Copy { source, .. } if source.found_no_repository())
            });
            creation.finish(failure, &events)?;
            copied?;
            let pushed = reference.clone().without_tag().with_digest(root.digest);
            print(context, args, &pushed.to_string())
        }
    }
}

fn to<S: Source, D: Destination>(
    context: &Context,
    args: &Copy,
    source: &S,
    destination: &D,
    root: &Descriptor,
    name: Option<&str>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, D::Error>>,
{
    let names: Vec<&str> = name.into_iter().collect();
    let (from, to) = (args.source.to_string(), args.destination.to_string());
    let copied = show(context, |elapsed, events| {
        let started = elapsed();
        let summary = transfer(source, destination, root, &names, options(args), events)?;
        let summary = summary.in_time(elapsed().saturating_sub(started));
        events(PublishEvent::Copied(from, to, summary));
        Ok(())
    });
    copied.map_err(|error: CopyError<_, _>| failed(args, error))
}

/// Reports what [`to`] would do.
fn would<S: Source, H: Holdings>(
    context: &Context,
    args: &Copy,
    source: &S,
    holdings: H,
    root: &Descriptor,
    name: Option<&str>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, H::Error>>,
{
    let names: Vec<&str> = name.into_iter().collect();
    let dry_run = DryRun::new(holdings);
    let copied = transfer(source, &dry_run, root, &names, options(args), &|_| {});
    let summary = copied.map_err(|error| failed(args, error))?;
    let plan = Plan {
        what: format!("copy {} to {}", args.source, args.destination),
        summary,
        names: dry_run.into_names(),
    };
    context.printer.status(&plan.to_string());
    Ok(())
}

fn failed<E>(args: &Copy, error: E) -> CommandError
where
    CopyFailure: From<E>,
{
    CommandError::Copy {
        source: error.into(),
        from: args.source.to_string(),
        to: args.destination.to_string(),
    }
}

fn options(args: &Copy) -> TransferOptions<'static> {
    TransferOptions {
        check: args.check,
        referrers: if args.referrers {
            Referrers::All
        } else {
            Referrers::These(&[])
        },
    }
}

/// The layout at `path`, if it exists.
fn existing(path: &Path) -> Result<Option<Layout>, LayoutError> {
    let is_empty = || {
        path.read_dir()
            .is_ok_and(|mut entries| entries.next().is_none())
    };
    if !path.exists() || is_empty() {
        return Ok(None);
    }
    Layout::open(path).map(Some)
}

/// Prints the result of a copy.
fn print(context: &Context, args: &Copy, line: &str) -> Result<(), CommandError> {
    if args.dry_run {
        return Ok(());
    }
    context.printer.data(line).map_err(CommandError::Stdout)
}
