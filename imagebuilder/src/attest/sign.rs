//! Signing an image, and what is attached to it.

use std::collections::BTreeMap;

use oci::Descriptor;
use oci::layout::{Layout, LayoutError};

use super::Artifact;
use super::bundle::{self, Bundle};
use super::statement::Statement;
use crate::key::PrivateKey;

/// What cosign puts into the manifest of a bundle, so that it need not be read to know what is in it.
const CONTENT: (&str, &str) = ("dev.sigstore.bundle.content", "dsse-envelope");
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// Signs the manifest or index `subject`. Returns the signature's manifest, as a list of referrers has it.
pub(crate) fn sign(
    layout: &Layout,
    subject: &Descriptor,
    key: &PrivateKey,
) -> Result<Descriptor, LayoutError> {
    let statement = Statement::signature(subject.digest);
    attach_signed(layout, subject, &statement, key)
}

/// Attaches a statement to `subject`, signed.
pub(crate) fn attach_signed(
    layout: &Layout,
    subject: &Descriptor,
    statement: &Statement,
    key: &PrivateKey,
) -> Result<Descriptor, LayoutError> {
    let annotations = [
        (CONTENT.0.to_owned(), CONTENT.1.to_owned()),
        (PREDICATE_TYPE.to_owned(), statement.predicate_type.clone()),
    ];
    let artifact = Artifact {
        media_type: bundle::MEDIA_TYPE,
        title: None,
        annotations: BTreeMap::from(annotations),
        document: &Bundle::sign(statement, key).to_bytes(),
    };
    artifact.store(layout, subject)
}
