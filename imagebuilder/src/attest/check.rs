//! Checks whether an image is signed by a key.

use oci::{Descriptor, Digest};

use super::bundle::{self, Bundle};
use super::legacy;
use super::refused::{Refused, Why};
use super::statement::SIGNATURE;
use super::{Attached, attached};
use crate::image_source::{ImageSource, SourceError};
use crate::key::PublicKey;

/// Why an image does not count as signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It has no signature.
    #[error("{digest} has no signature")]
    Missing { digest: Digest },
    /// None of its signatures is valid.
    #[error("{digest} has no signature by this key: {}", list(refused))]
    Refused {
        digest: Digest,
        refused: Vec<Refused>,
    },
}

fn list(refused: &[Refused]) -> String {
    let lines: Vec<String> = refused.iter().map(Refused::to_string).collect();
    lines.join(", ")
}

/// Checks that the image `root` is signed by `key`: by a bundle, or by cosign's older tag. Returns the
/// signature's manifest.
pub(crate) fn check(
    source: &ImageSource,
    root: &Descriptor,
    key: &PublicKey,
) -> Result<Digest, SignatureError> {
    let mut refused = Vec::new();
    let bundles = attached(source, root, &[bundle::MEDIA_TYPE])?;
    let outcomes = bundles.iter().filter_map(|attached| {
        let outcome = bundle(attached, &root.digest, key)?;
        Some((attached.referrer.digest, outcome))
    });
    for (signature, outcome) in outcomes.chain(legacy::check(source, root, key)?) {
        match outcome {
            Ok(()) => return Ok(signature),
            Err(why) => refused.push(Refused { signature, why }),
        }
    }
    let digest = root.digest;
    Err(if refused.is_empty() {
        SignatureError::Missing { digest }
    } else {
        SignatureError::Refused { digest, refused }
    })
}

/// `None` for a bundle that does not sign an image, but for example provenance.
fn bundle(attached: &Attached, subject: &Digest, key: &PublicKey) -> Option<Result<(), Why>> {
    let Some(bundle) = Bundle::parse(&attached.document) else {
        return Some(Err(Why::Malformed));
    };
    let Some(statement) = bundle.statement() else {
        return Some(Err(Why::Malformed));
    };
    if statement.predicate_type != SIGNATURE {
        return None;
    }
    Some(if !bundle.is_signed_by(key) {
        Err(Why::OtherKey)
    } else if !statement.is_about(subject) {
        Err(Why::OtherImage)
    } else {
        Ok(())
    })
}
