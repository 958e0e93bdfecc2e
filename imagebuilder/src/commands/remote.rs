//! `imagebuilder tags`, `digest`, `manifest` and `delete`: access to a repository, for scripts.

use oci::registry::{Access, RegistryError};

use super::CommandError;
use super::context::Context;
use super::repository::{repository, tag_or_digest};
use crate::args::Remote;

/// Prints the tags of a repository, one per line.
pub(super) fn tags(context: &Context, args: &Remote) -> Result<(), CommandError> {
    let repository = repository(context, &args.reference, &args.registry, Access::Pull)?;
    let tags = repository
        .tags()
        .map_err(failed("list the tags of", args))?;
    for tag in tags {
        context.printer.data(&tag).map_err(CommandError::Stdout)?;
    }
    Ok(())
}

/// Prints the digest of an image.
pub(super) fn digest(context: &Context, args: &Remote) -> Result<(), CommandError> {
    let operation = "find the digest of";
    let repository = repository(context, &args.reference, &args.registry, Access::Pull)?;
    let name = tag_or_digest(&args.reference)?;
    let found = repository.resolve(&name).map_err(failed(operation, args))?;
    let digest = if let Some(digest) = found {
        digest
    } else {
        // The response to a GET contains the registry's reason.
        let document = repository.manifest(&name);
        document.map_err(failed(operation, args))?.descriptor.digest
    };
    let line = digest.to_string();
    context.printer.data(&line).map_err(CommandError::Stdout)
}

/// Prints a manifest or index, byte for byte.
pub(super) fn manifest(context: &Context, args: &Remote) -> Result<(), CommandError> {
    let repository = repository(context, &args.reference, &args.registry, Access::Pull)?;
    let document = repository
        .manifest(&tag_or_digest(&args.reference)?)
        .map_err(failed("read the manifest of", args))?;
    let written = context.printer.data_raw(&document.bytes);
    written.map_err(CommandError::Stdout)
}

/// Deletes a tag, or an image by its digest.
pub(super) fn delete(context: &Context, args: &Remote) -> Result<(), CommandError> {
    let repository = repository(context, &args.reference, &args.registry, Access::Delete)?;
    let name = tag_or_digest(&args.reference)?;
    let deleted = repository.delete(&name).map_err(failed("delete", args))?;
    let outcome = if deleted { "Deleted" } else { "Not found:" };
    context
        .printer
        .status(&format!("{outcome} {}", args.reference));
    Ok(())
}

fn failed(operation: &'static str, args: &Remote) -> impl FnOnce(RegistryError) -> CommandError {
    let reference = Box::new(args.reference.clone());
    move |source| CommandError::Remote {
        operation,
        reference,
        source,
    }
}
