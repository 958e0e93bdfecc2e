//! Signs an image, and the documents that are attached to it.

use std::collections::BTreeMap;

use oci::Descriptor;
use oci::layout::{Layout, LayoutError};

use super::Artifact;
use super::bundle::{self, Bundle};
use super::statement::Statement;
use crate::key::PrivateKey;

/// The annotations of a bundle's manifest in cosign, which describe its content without reading it.
const CONTENT: (&str, &str) = ("dev.sigstore.bundle.content", "dsse-envelope");
const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// Signs the manifest or index `subject`. Returns the signature's descriptor in a list of referrers.
pub(crate) fn sign(
    layout: &Layout,
    subject: &Descriptor,
    key: &PrivateKey,
) -> Result<Descriptor, LayoutError> {
    let statement = Statement::signature(subject.digest);
    attach_signed(layout, subject, &statement, key)
}

/// Signs a statement, and attaches it to `subject`.
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
