//! `imagebuilder copy`: an image from one place to another, byte for byte.

use std::io;

use oci::archive::Archive;
use oci::copy::{CopyError, Destination, Source};
use oci::image::Index;
use oci::layout::{Layout, LayoutError};
use oci::referrers::Referrers;
use oci::registry::{Access, RegistryError};
use oci::{Descriptor, Kind, Platform, Reference};

use super::context::Context;
use super::progress::show;
use super::repository::{publisher, tag_or_digest};
use super::source::{only, open, roots};
use super::{CommandError, CopyFailure, tar_file};
use crate::args::Copy;
use crate::engine::Engine;
use crate::place::{Local, Place, Store};
use crate::registry::{PublishEvent, Publisher, TransferOptions, transfer};

pub(super) fn run(context: &Context, args: &Copy) -> Result<(), CommandError> {
    match &args.source {
        Place::Local(local) => {
            let layout = open(context, local)?;
            let root = only(&layout, &roots(&layout, local)?)?.clone();
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

/// Copies `root` of a source, whose name in a layout is `name` unless another is given.
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
{
    let root = &select(args, source, root)?;
    match &args.destination {
        Place::Local(local) => {
            let named = local.image.as_ref().map(Reference::to_string);
            let name = named.or(name);
            match &local.store {
                Store::Layout(path) => {
                    let layout = Layout::create(path)?;
                    to(context, args, source, &layout, root, name.as_deref())?;
                }
                Store::Archive(_) | Store::Engine => {
                    pack(context, args, source, local, root, name)?;
                }
            }
            print(context, &root.digest.to_string())
        }
        Place::Registry(reference) => {
            if reference
                .digest()
                .is_some_and(|digest| digest != root.digest)
            {
                let (reference, digest) = (Box::new(reference.clone()), root.digest);
                return Err(CommandError::OtherImage { reference, digest });
            }
            let same = origin.filter(|origin| origin.reference.registry() == reference.registry());
            let repository = if let Some(origin) = same {
                // The blobs stay in the registry.
                let repository = origin.publisher.repository(reference, Access::Push);
                repository.with_mount_source(origin.reference.repository())
            } else {
                let publisher = publisher(context, reference, &args.registry)?;
                publisher.repository(reference, Access::Push)
            };
            to(context, args, source, &repository, root, reference.tag())?;
            let pushed = reference.clone().without_tag().with_digest(root.digest);
            print(context, &pushed.to_string())
        }
    }
}

/// Copies `root` into a tar, or into the container engine by one.
fn pack<S: Source>(
    context: &Context,
    args: &Copy,
    source: &S,
    local: &Local,
    root: &Descriptor,
    name: Option<String>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, io::Error>>,
{
    let failed = |source| CommandError::Copy {
        source,
        from: args.source.to_string(),
        to: args.destination.to_string(),
    };
    let digest = root.digest;
    // Without a name it is named by its digest.
    let name = name.unwrap_or_else(|| digest.hex());
    let name: Reference = name.parse().map_err(|source| CommandError::Name {
        layout: args.source.to_string().into(),
        digest,
        source,
    })?;
    let images = [(name, root.clone())];
    let archive = |platform: Option<&Platform>| {
        let archive = Archive::new(source, &images, platform);
        archive.map_err(|error| failed(error.into()))
    };
    if let Store::Archive(path) = &local.store {
        let written = tar_file::write(path, &archive(args.platform.as_ref())?);
        let bytes = written.map_err(|source| {
            let error: CopyError<S::Error, io::Error> = CopyError::Write { digest, source };
            failed(error.into())
        })?;
        let (from, to) = (&args.source, &args.destination);
        let status = format!("Copied {from} to {to}: {}", cli::Bytes(bytes));
        context.printer.status(&status);
        return Ok(());
    }
    let engine = Engine::new(&context.environment.engine)?;
    let archive = archive(Some(&engine.platform()?))?;
    for line in engine.load(&mut archive.reader(), archive.size())? {
        context.printer.status(&line);
    }
    Ok(())
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
        let options = TransferOptions {
            check: args.check,
            referrers: if args.referrers {
                Referrers::All
            } else {
                Referrers::These(&[])
            },
        };
        let summary = transfer(source, destination, root, &names, options, events)?;
        let summary = summary.in_time(elapsed().saturating_sub(started));
        events(PublishEvent::Copied(from.clone(), to.clone(), summary));
        Ok(())
    });
    copied.map_err(|error| CommandError::Copy {
        source: CopyFailure::from(error),
        from,
        to,
    })
}

/// The image itself, or the one of its index for the platform that is asked for.
fn select<S: Source>(args: &Copy, source: &S, root: &Descriptor) -> Result<Descriptor, CommandError>
where
    CopyFailure: From<CopyError<S::Error, LayoutError>>,
{
    let Some(platform) = &args.platform else {
        return Ok(root.clone());
    };
    if root.media_type.kind() != Kind::Index {
        return Ok(root.clone());
    }
    let from = args.source.to_string();
    let digest = root.digest;
    let failed = |error: CopyError<S::Error, LayoutError>| CommandError::Copy {
        source: error.into(),
        from: from.clone(),
        to: args.destination.to_string(),
    };
    let document = source.document(root);
    let document = document.map_err(|source| failed(CopyError::Read { digest, source }))?;
    let index = Index::parse(&document);
    let index = index.map_err(|source| failed(CopyError::Document { digest, source }))?;
    let found = index.select(platform).cloned();
    found.map_err(|source| CommandError::Platform {
        from: from.clone(),
        source: Box::new(source),
    })
}

fn print(context: &Context, line: &str) -> Result<(), CommandError> {
    context.printer.data(line).map_err(CommandError::Stdout)
}
