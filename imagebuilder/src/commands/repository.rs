//! The repository that a reference on the command line names.

use oci::registry::{Access, Repository};
use oci::{Descriptor, Reference};

use super::CommandError;
use super::context::Context;
use super::publishing::publisher_for;
use crate::args::Registry;
use crate::registry::Publisher;

/// A publisher to the registry of `reference`.
pub(super) fn publisher(
    context: &Context,
    reference: &Reference,
    arguments: &Registry,
) -> Result<Publisher, CommandError> {
    let registry = reference
        .registry()
        .ok_or_else(|| CommandError::NoRegistry {
            reference: Box::new(reference.clone()),
        })?;
    Ok(publisher_for(context, registry, arguments)?)
}

/// The repository of `reference`.
pub(super) fn repository(
    context: &Context,
    reference: &Reference,
    arguments: &Registry,
    access: Access,
) -> Result<Repository, CommandError> {
    Ok(publisher(context, reference, arguments)?.repository(reference, access))
}

/// Refuses a reference with the digest of another image than `image`.
pub(super) fn expect_digest_of(
    reference: &Reference,
    image: &Descriptor,
) -> Result<(), CommandError> {
    match reference.digest() {
        Some(digest) if digest != image.digest => Err(CommandError::OtherImage {
            reference: Box::new(reference.clone()),
            digest: image.digest,
        }),
        _ => Ok(()),
    }
}

/// The digest for a request, else the tag.
pub(super) fn tag_or_digest(reference: &Reference) -> Result<String, CommandError> {
    let digest = reference.digest().map(|digest| digest.to_string());
    let name = digest.or_else(|| reference.tag().map(str::to_owned));
    name.ok_or_else(|| CommandError::Untagged {
        reference: Box::new(reference.clone()),
    })
}
