//! Copies to a registry.

use oci::Reference;
use oci::copy::{CopyError, Source};
use oci::registry::{Access, RegistryError};

use super::super::repository::{expect_digest_of, publisher};
use super::super::{CommandError, CopyFailure};
use super::job::Job;
use crate::registry::{Creation, PublishEvent, Publisher};

/// The registry that an image is copied from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) reference: &'a Reference,
    pub(super) publisher: &'a Publisher,
}

/// Copies to `reference`. The image comes from `origin`, unless it is on this machine.
pub(super) fn copy_to_registry<S: Source>(
    job: &Job<'_, S>,
    reference: &Reference,
    origin: Option<Origin<'_>>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, RegistryError>>,
{
    let &Job {
        context,
        args,
        root,
        ..
    } = job;
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
        return job.report_plan(repository, reference.tag());
    }
    let events = |event: PublishEvent| context.printer.status(&event.to_string());
    let creation = if args.creation.create_repository {
        publisher.create_repository(reference.repository(), &events)?
    } else {
        Creation::default()
    };
    let copied = job.copy_to(&repository, reference.tag());
    let failure = copied.as_ref().err().map(
        |error| matches!(error, CommandError::Copy { source, .. } if source.found_no_repository()),
    );
    creation.finish(failure, &events)?;
    copied?;
    let pushed = reference.clone().without_tag().with_digest(root.digest);
    job.print(&pushed.to_string())
}
