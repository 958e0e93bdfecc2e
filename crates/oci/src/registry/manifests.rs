//! Manifests and indexes: what a tag or digest names.

use super::client::expect;
use super::error::{OciError, Problem, RegistryError};
use super::session::Repository;
use super::transport::{Answer, Call, Payload};
use crate::image::{DocumentError, MAX_DOCUMENT_BYTES};
use crate::{Descriptor, Digest, MediaType, Mismatch};

/// Every form of manifest and index that is understood.
const ACCEPT: [&str; 4] = [
    MediaType::OCI_INDEX,
    MediaType::OCI_MANIFEST,
    MediaType::DOCKER_INDEX,
    MediaType::DOCKER_MANIFEST,
];

/// A manifest or index as the registry has it, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What they are.
    pub descriptor: Descriptor,
}

impl Repository {
    /// The digest of what `reference`, a tag or a digest, names, if it names anything.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub fn resolve(&self, reference: &str) -> Result<Option<Digest>, RegistryError> {
        let call = self.manifest_call("HEAD", reference);
        let answer = self.call(&call)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = self.expect(&call, answer, &[200])?;
        match content_digest(&answer) {
            Some(digest) => Ok(Some(digest)),
            // Only some registries send it.
            None => Ok(Some(self.manifest(reference)?.descriptor.digest)),
        }
    }

    /// Reads what `reference`, a tag or a digest, names.
    ///
    /// # Errors
    /// When the registry does not have it, or has something else under that digest.
    pub fn manifest(&self, reference: &str) -> Result<Document, RegistryError> {
        let call = self.manifest_call("GET", reference);
        let answer = expect(&call, self.call(&call)?, &[200])?;
        let media_type = answer
            .header("content-type")
            .map(|text| MediaType::new(text.split(';').next().unwrap_or_default().trim()));
        let claimed = content_digest(&answer);
        let bytes = document_bytes(&call, answer)?;
        let media_type = media_type.ok_or_else(|| {
            call.error(Problem::Header {
                name: "Content-Type",
            })
        })?;
        if let Some(actual) = media_type_of(&bytes).filter(|actual| *actual != media_type) {
            let what = "the manifest";
            return Err(call.error(DocumentError::MediaType { what, actual }.into()));
        }
        let descriptor = Descriptor::of(media_type, &bytes);
        for expected in reference.parse::<Digest>().ok().into_iter().chain(claimed) {
            let actual = descriptor.digest;
            if expected != actual {
                return Err(call.error(Mismatch::Digest { expected, actual }.into()));
            }
        }
        Ok(Document { bytes, descriptor })
    }

    /// Stores a manifest or index under `reference`, a tag or its digest. What it refers to must
    /// be there.
    ///
    /// # Errors
    /// When the registry refuses it, or says that it stored something else.
    pub fn put_manifest(
        &self,
        reference: &str,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let call = Call::new("PUT", self.url(&format!("manifests/{reference}")))
            .header("content-type", media_type.as_str())
            .body(Payload::Bytes(bytes));
        self.put(&call, Digest::of(bytes)).map(|_| ())
    }

    /// Sends the manifest or index with the digest `expected`.
    pub(super) fn put(&self, call: &Call, expected: Digest) -> Result<Answer, RegistryError> {
        let answer = expect(call, self.call(call)?, &[200, 201, 202])?;
        match content_digest(&answer).filter(|actual| *actual != expected) {
            Some(actual) => Err(call.error(Problem::OtherDigest { expected, actual })),
            None => Ok(answer),
        }
    }

    /// Makes `tag` name what `bytes` is, and checks that it does.
    ///
    /// A tag that already does is left alone: a repository with immutable tags refuses even the
    /// same content.
    ///
    /// # Errors
    /// As [`Repository::put_manifest`]; [`Problem::OtherDigest`] when another client was faster.
    pub fn tag(
        &self,
        tag: &str,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let expected = Digest::of(bytes);
        if self.resolve(tag)? == Some(expected) {
            return Ok(());
        }
        if let Err(error) = self.put_manifest(tag, media_type, bytes) {
            return self.explain(tag, expected, error);
        }
        match self.resolve(tag)? {
            Some(actual) if actual == expected => Ok(()),
            Some(actual) => {
                let call = self.manifest_call("HEAD", tag);
                Err(call.error(Problem::OtherDigest { expected, actual }))
            }
            None => {
                let call = self.manifest_call("HEAD", tag);
                Err(call.error(Problem::Status {
                    status: 404,
                    error: None,
                }))
            }
        }
    }

    /// What the refusal of a tag means. Another client may have been as fast with the same image; a
    /// tag that is immutable has another.
    fn explain(
        &self,
        tag: &str,
        expected: Digest,
        mut error: RegistryError,
    ) -> Result<(), RegistryError> {
        let Problem::Status {
            status: status @ (400 | 403 | 409 | 412),
            error: reason,
        } = &*error.problem
        else {
            return Err(error);
        };
        let actual = match self.resolve(tag) {
            Ok(Some(actual)) if actual == expected => return Ok(()),
            Ok(Some(actual)) => actual,
            Ok(None) | Err(_) => return Err(error),
        };
        if reason.as_ref().is_some_and(OciError::is_immutable_tag) {
            let (status, error_of) = (*status, reason.clone());
            *error.problem = Problem::Immutable {
                expected,
                actual,
                status,
                error: error_of,
            };
        }
        Err(error)
    }

    pub(super) fn manifest_call(&self, method: &'static str, reference: &str) -> Call<'static> {
        let call = Call::new(method, self.url(&format!("manifests/{reference}")));
        call.header("accept", ACCEPT.join(", "))
    }
}

/// The bytes of an answer that is a manifest or index.
pub(super) fn document_bytes(call: &Call<'_>, answer: Answer) -> Result<Vec<u8>, RegistryError> {
    let read = answer.read(MAX_DOCUMENT_BYTES);
    let bytes = read.map_err(|error| call.error(Problem::Unreachable(error.into())))?;
    let size = bytes.len() as u64;
    if size > MAX_DOCUMENT_BYTES {
        let what = "the manifest";
        return Err(call.error(DocumentError::TooLarge { what, size }.into()));
    }
    Ok(bytes)
}

fn content_digest(answer: &Answer) -> Option<Digest> {
    answer.header("docker-content-digest")?.trim().parse().ok()
}

/// What a document says it is.
fn media_type_of(bytes: &[u8]) -> Option<MediaType> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<MediaType>,
    }
    serde_json::from_slice::<Typed>(bytes).ok()?.media_type
}
