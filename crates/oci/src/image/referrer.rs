//! Manifests and indexes that refer to another by their `subject`.

use super::{DocumentError, Index, Manifest};
use crate::{Descriptor, Kind, MediaType};

/// A manifest or index that refers to another, its subject: a signature, an attestation, a bill of
/// materials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest or index that it refers to.
    pub subject: Descriptor,
    /// Its descriptor in a list of referrers, by
    /// [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers).
    pub descriptor: Descriptor,
}

impl Referrer {
    /// Reads the manifest or index in `bytes`; `None` if it has no subject.
    ///
    /// # Errors
    /// If it is not a document of this media type.
    pub fn parse(media_type: &MediaType, bytes: &[u8]) -> Result<Option<Self>, DocumentError> {
        let (subject, artifact_type, annotations) = match media_type.kind() {
            Kind::Manifest => {
                let manifest = Manifest::parse(bytes)?;
                let config = manifest.config.media_type;
                let kind = manifest.artifact_type.unwrap_or(config);
                (manifest.subject, Some(kind), manifest.annotations)
            }
            Kind::Index => {
                let index = Index::parse(bytes)?;
                (index.subject, index.artifact_type, index.annotations)
            }
            Kind::Config | Kind::Layer(_) | Kind::Other => return Ok(None),
        };
        let mut descriptor = Descriptor::of(media_type.clone(), bytes);
        descriptor.artifact_type = artifact_type;
        descriptor.annotations = annotations;
        Ok(subject.map(|subject| Self {
            subject,
            descriptor,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrers_descriptor_has_its_artifact_type_and_annotations() {
        let subject = Descriptor::of(MediaType::OCI_MANIFEST, b"an image");
        let mut manifest = Manifest::artifact("application/spdx+json", &subject, Vec::new());
        manifest.annotations.insert("a".to_owned(), "b".to_owned());
        let (bytes, plain) = manifest.to_bytes();
        let media_type = MediaType::new(MediaType::OCI_MANIFEST);
        let referrer = Referrer::parse(&media_type, &bytes).unwrap().unwrap();
        assert_eq!(referrer.subject, subject);
        let Descriptor {
            artifact_type,
            annotations,
            digest,
            ..
        } = referrer.descriptor;
        assert_eq!(artifact_type, Some("application/spdx+json".into()));
        assert_eq!(annotations, manifest.annotations);
        assert_eq!(digest, plain.digest);

        manifest.artifact_type = None;
        let (bytes, _) = manifest.to_bytes();
        let referrer = Referrer::parse(&media_type, &bytes).unwrap().unwrap();
        let kind = referrer.descriptor.artifact_type;
        assert_eq!(kind, Some(MediaType::EMPTY_JSON.into()));

        manifest.subject = None;
        let (bytes, _) = manifest.to_bytes();
        assert_eq!(Referrer::parse(&media_type, &bytes).unwrap(), None);
    }
}
