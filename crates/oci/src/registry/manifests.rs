//! Manifests and indexes, by tag or digest.

use super::client::expect;
use super::error::{OciError, Problem, RegistryError};
use super::session::Repository;
use super::transport::{Call, Payload, Response};
use crate::image::{DocumentError, MAX_DOCUMENT_BYTES};
use crate::{Descriptor, Digest, MediaType, Mismatch};

/// Every supported media type of manifests and indexes.
const ACCEPT: [&str; 4] = [
    MediaType::OCI_INDEX,
    MediaType::OCI_MANIFEST,
    MediaType::DOCKER_INDEX,
    MediaType::DOCKER_MANIFEST,
];

/// A verified manifest or index from a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// Their media type, digest and size.
    pub descriptor: Descriptor,
}

impl Repository {
    /// The digest of the manifest or index that `reference` (a tag or a digest) refers to, if there is one.
    ///
    /// # Errors
    /// If the request fails.
    pub fn resolve(&self, reference: &str) -> Result<Option<Digest>, RegistryError> {
        let call = self.manifest_call("HEAD", reference);
        let response = self.call(&call)?;
        if response.status == 404 {
            return Ok(None);
        }
        let response = self.expect(&call, response, &[200])?;
        match content_digest(&response) {
            Some(digest) => Ok(Some(digest)),
            // Not all registries send it.
            None => Ok(Some(self.manifest(reference)?.descriptor.digest)),
        }
    }

    /// Reads the manifest or index that `reference` (a tag or a digest) refers to.
    ///
    /// # Errors
    /// If the registry does not have it, or returns other content for the digest.
    pub fn manifest(&self, reference: &str) -> Result<Document, RegistryError> {
        let call = self.manifest_call("GET", reference);
        let response = expect(&call, self.call(&call)?, &[200])?;
        let media_type = response
            .header("content-type")
            .map(|text| MediaType::new(text.split(';').next().unwrap_or_default().trim()));
        let claimed = content_digest(&response);
        let bytes = document_bytes(&call, response)?;
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

    /// Stores a manifest or index under `reference`, a tag or its digest. The content that it refers to
    /// must already be stored.
    ///
    /// # Errors
    /// If the registry refuses it, or reports that it stored something else.
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
    pub(super) fn put(&self, call: &Call, expected: Digest) -> Result<Response, RegistryError> {
        let response = expect(call, self.call(call)?, &[200, 201, 202])?;
        match content_digest(&response).filter(|actual| *actual != expected) {
            Some(actual) => Err(call.error(Problem::OtherDigest { expected, actual })),
            None => Ok(response),
        }
    }

    /// Points `tag` at the document in `bytes`, and verifies that it does.
    ///
    /// A tag that already does is not written: a repository with immutable tags refuses even the same
    /// content.
    ///
    /// # Errors
    /// As [`Repository::put_manifest`]; [`Problem::OtherDigest`] if another client was faster.
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

    /// Interprets the refusal of a tag: another client may have stored the same image meanwhile, or the tag is
    /// immutable and refers to another image.
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

/// The bytes of a response that is a manifest or index.
pub(super) fn document_bytes(
    call: &Call<'_>,
    response: Response,
) -> Result<Vec<u8>, RegistryError> {
    let read = response.read(MAX_DOCUMENT_BYTES);
    let bytes = read.map_err(|error| call.error(Problem::Unreachable(error.into())))?;
    let size = bytes.len() as u64;
    if size > MAX_DOCUMENT_BYTES {
        let what = "the manifest";
        return Err(call.error(DocumentError::TooLarge { what, size }.into()));
    }
    Ok(bytes)
}

fn content_digest(response: &Response) -> Option<Digest> {
    response
        .header("docker-content-digest")?
        .trim()
        .parse()
        .ok()
}

/// The media type in a document.
fn media_type_of(bytes: &[u8]) -> Option<MediaType> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<MediaType>,
    }
    serde_json::from_slice::<Typed>(bytes).ok()?.media_type
}
