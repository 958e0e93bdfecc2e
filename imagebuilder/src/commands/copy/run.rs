//! Finds the image to copy, and the kind of its destination.

use std::io;

use oci::Descriptor;
use oci::copy::{CopyError, Source};
use oci::layout::LayoutError;
use oci::registry::{Access, RegistryError};

use super::super::context::Context;
use super::super::platform::select;
use super::super::repository::{publisher, tag_or_digest};
use super::super::source::{only, open, roots};
use super::super::{CommandError, CopyFailure};
use super::job::Job;
use super::local::copy_to_local;
use super::registry::{Origin, copy_to_registry};
use crate::args::Copy;
use crate::image_source::SourceError;
use crate::place::Place;

pub(in crate::commands) fn run(context: &Context, args: &Copy) -> Result<(), CommandError> {
    match &args.source {
        Place::Local(local) => {
            let layout = open(context, local)?;
            let root = only(local, &roots(&layout, local)?)?.clone();
            let name = root.ref_name().map(str::to_owned);
            copy(context, args, &layout, None, &root, name)
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
            copy(context, args, &repository, origin, root, Some(name))
        }
    }
}

/// Copies `root` of a source. Its name in a layout is `name`, unless another is given.
fn copy<S: Source>(
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
    let job = Job {
        context,
        args,
        source,
        root,
    };
    match &args.destination {
        Place::Local(local) => copy_to_local(&job, local, name),
        Place::Registry(reference) => copy_to_registry(&job, reference, origin),
    }
}
