//! [in-toto statements](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md): claims
//! about content that is identified by its digest.

use oci::Digest;
use oci::image::canonical;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The media type of a statement, which is also the type of a DSSE payload.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// The annotation of a manifest that contains a statement, by in-toto.
pub(super) const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

const TYPE: &str = "https://in-toto.io/Statement/v1";

/// cosign's claim that a key's owner signed an image.
pub(super) const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    type_: String,
    subject: Vec<Subject>,
    pub(crate) predicate_type: String,
    #[serde(default)]
    pub(crate) predicate: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Subject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    digest: Digests,
}

/// Digests by algorithm; unknown ones are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Digests {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Statement {
    /// A claim about `subjects`, each with an optional name.
    pub(crate) fn new(
        subjects: &[(Option<&str>, Digest)],
        predicate_type: &str,
        predicate: Value,
    ) -> Self {
        let subject = subjects.iter().map(|(name, digest)| Subject {
            name: name.map(str::to_owned),
            digest: Digests {
                sha256: Some(digest.hex()),
            },
        });
        Self {
            type_: TYPE.to_owned(),
            subject: subject.collect(),
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The claim that content was signed.
    pub(super) fn signature(subject: Digest) -> Self {
        Self::new(&[(None, subject)], SIGNATURE, json!({}))
    }

    /// Its text, which is the same for equal claims.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        canonical(self)
    }

    /// Reads a statement.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let statement: Self = serde_json::from_slice(bytes).ok()?;
        (statement.type_ == TYPE || statement.type_ == "https://in-toto.io/Statement/v0.1")
            .then_some(statement)
    }

    /// Whether it is about the content with this digest.
    pub(crate) fn is_about(&self, digest: &Digest) -> bool {
        let hex = digest.hex();
        self.subject
            .iter()
            .any(|subject| subject.digest.sha256.as_ref() == Some(&hex))
    }
}
