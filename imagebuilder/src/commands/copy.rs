//! `imagebuilder copy`: an image from one place to another, byte for byte.

use oci::copy::{CopyError, Destination, Source};
use oci::image::Index;
use oci::layout::{Layout, LayoutError};
use oci::registry::{Access, RegistryError};
use oci::{Descriptor, Kind, Reference};

use super::context::Context;
use super::images::show;
use super::repository::{repository, tag_or_digest};
use super::source::{only, roots};
use super::{CommandError, CopyFailure};
use crate::args::{Copy, Place};
use crate::registry::{PublishEvent, transfer};

pub(super) fn run(context: &Context, args: &Copy) -> Result<(), CommandError> {
    match &args.source {
        Place::Layout(output) => {
            let layout = Layout::open(&output.layout)?;
            let root = only(&layout, &roots(&layout, output)?)?.clone();
            let name = root.ref_name().map(str::to_owned);
            from(context, args, &layout, &root, name)
        }
        Place::Registry(reference) => {
            let repository = repository(context, reference, &args.registry, Access::Pull)?;
            let found = repository.manifest(&tag_or_digest(reference)?);
            let root = found.map_err(|source| CommandError::Remote {
                operation: "read the manifest of",
                reference: Box::new(reference.clone()),
                source,
            })?;
            let tag = reference.tag().map(|tag| format!(":{tag}"));
            let name = format!("{}{}", reference.repository(), tag.unwrap_or_default());
            from(context, args, &repository, &root.descriptor, Some(name))
        }
    }
}

/// Copies `root` of a source, whose name in a layout is `name` unless another is given.
fn from<S: Source>(
    context: &Context,
    args: &Copy,
    source: &S,
    root: &Descriptor,
    name: Option<String>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, LayoutError>> + From<CopyError<S::Error, RegistryError>>,
{
    let root = &select(args, source, root)?;
    match &args.destination {
        Place::Layout(output) => {
            let layout = Layout::create(&output.layout)?;
            let name = output.image.as_ref().map(Reference::to_string).or(name);
            to(context, args, source, &layout, root, name.as_deref())?;
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
            let repository = repository(context, reference, &args.registry, Access::Push)?;
            to(context, args, source, &repository, root, reference.tag())?;
            let pushed = reference.clone().without_tag().with_digest(root.digest);
            print(context, &pushed.to_string())
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
        let mut summary = transfer(source, destination, root, &names, events)?;
        summary.time = elapsed().saturating_sub(started);
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
    let document = source.document(root).map_err(|source| {
        let digest = root.digest;
        let error: CopyError<S::Error, LayoutError> = CopyError::Read { digest, source };
        CommandError::Copy {
            source: error.into(),
            from: from.clone(),
            to: args.destination.to_string(),
        }
    })?;
    let index = Index::parse(&document).ok();
    let found = index.and_then(|index| index.select(platform).ok().cloned());
    found.ok_or_else(|| CommandError::Platform {
        from,
        platform: platform.clone(),
    })
}

fn print(context: &Context, line: &str) -> Result<(), CommandError> {
    context.printer.data(line).map_err(CommandError::Stdout)
}
