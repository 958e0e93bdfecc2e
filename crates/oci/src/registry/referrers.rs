//! The referrers of an image: signatures, attestations, bills of materials.
//!
//! A registry lists them by its
//! [API](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers);
//! without it, an index under the tag `sha256-…` lists them, which every writer updates.

use std::thread;
use std::time::{Duration, Instant};

use super::client::expect;
use super::error::{Problem, RegistryError};
use super::manifests::document_bytes;
use super::retry::random;
use super::session::Repository;
use super::transport::{Call, Payload};
use crate::image::{DocumentError, Index, Referrer};
use crate::{Descriptor, Digest, MediaType};

/// How often an update of the index under the tag is attempted while other writers replace it.
const UPDATES: u32 = 20;

/// The shortest time between an update and the check whether it was lost.
const SETTLE: Duration = Duration::from_millis(20);

/// The index under a tag before an update.
struct Found {
    index: Index,
    /// The condition under which it may be replaced: a header and its value.
    condition: Option<(&'static str, String)>,
}

impl Repository {
    /// The manifests and indexes whose subject is `subject`, as the registry lists them.
    ///
    /// # Errors
    /// If the registry refuses, or its response is not an index.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let call = Call::new("GET", self.url(&format!("referrers/{subject}")))
            .header("accept", MediaType::OCI_INDEX);
        let response = self.call(&call)?;
        if is_unsupported(response.status) {
            let found = self.fallback(subject)?;
            return Ok(found.map_or_else(Vec::new, |found| found.index.manifests));
        }
        let mut all: Vec<Descriptor> = Vec::new();
        self.pages(call, response, |bytes| {
            all.extend(Index::parse(bytes)?.manifests);
            Ok(())
        })?;
        Ok(all)
    }

    /// Stores a manifest or index that has a subject, so that it is listed among the subject's referrers.
    /// Its blobs must already be stored.
    ///
    /// # Errors
    /// If it has no subject, if the registry refuses it, or if other writers keep replacing the list.
    pub fn attach(&self, media_type: &MediaType, bytes: &[u8]) -> Result<(), RegistryError> {
        let digest = Digest::of(bytes);
        let call = Call::new("PUT", self.url(&format!("manifests/{digest}")))
            .header("content-type", media_type.as_str())
            .body(Payload::Bytes(bytes));
        let what = "the referrer";
        let referrer = Referrer::parse(media_type, bytes)
            .and_then(|referrer| referrer.ok_or(DocumentError::NoSubject { what }))
            .map_err(|error| call.error(error.into()))?;
        let response = self.put(&call, digest)?;
        // A registry with the API confirms that it processed the subject.
        if response.header("oci-subject").is_some() {
            return Ok(());
        }
        self.list(&referrer)
    }

    /// Adds a referrer to the index under its subject's tag.
    ///
    /// Two writers may read the same index, and the second replaces that of the first. A conditional request
    /// prevents this if the registry honours it. Since many do not, the index is read again after a pause
    /// at least as long as another writer may take between reading and writing.
    fn list(&self, referrer: &Referrer) -> Result<(), RegistryError> {
        let subject = &referrer.subject.digest;
        let tag = fallback_tag(subject);
        let mut listed = false;
        for _ in 0..UPDATES {
            let started = Instant::now();
            let found = self.fallback(subject)?;
            let (mut index, condition) = match found {
                Some(found) => (found.index, found.condition),
                None => (
                    Index::new(Vec::new()),
                    Some(("if-none-match", "*".to_owned())),
                ),
            };
            let wanted = &referrer.descriptor;
            if index
                .manifests
                .iter()
                .any(|known| known.digest == wanted.digest)
            {
                if listed {
                    return Ok(());
                }
            } else {
                index.manifests.push(wanted.clone());
                let (bytes, descriptor) = index.to_bytes();
                let mut call = Call::new("PUT", self.url(&format!("manifests/{tag}")))
                    .header("content-type", descriptor.media_type.as_str())
                    .body(Payload::Bytes(&bytes));
                if let Some((name, value)) = condition {
                    call = call.header(name, value);
                }
                let response = self.call(&call)?;
                if response.status != 412 {
                    expect(&call, response, &[200, 201, 202])?;
                }
            }
            listed = true;
            let window = started.elapsed().max(SETTLE);
            thread::sleep(window + window.mul_f64(random()));
        }
        let call = Call::new("PUT", self.url(&format!("manifests/{tag}")));
        Err(call.error(Problem::Contended { updates: UPDATES }))
    }

    /// The index under the tag of a subject, if there is one.
    fn fallback(&self, subject: &Digest) -> Result<Option<Found>, RegistryError> {
        let call = self.manifest_call("GET", &fallback_tag(subject));
        let response = self.call(&call)?;
        if response.status == 404 {
            return Ok(None);
        }
        let response = expect(&call, response, &[200])?;
        let condition = response
            .header("etag")
            .map(|etag| ("if-match", etag.to_owned()));
        let bytes = document_bytes(&call, response)?;
        let index = Index::parse(&bytes).map_err(|error| call.error(error.into()))?;
        Ok(Some(Found { index, condition }))
    }
}

/// The tag of the index that lists the referrers of `subject` if the registry has no API for them.
fn fallback_tag(subject: &Digest) -> String {
    format!("{}-{}", subject.algorithm(), subject.hex())
}

/// A registry with the API must respond with 200, even if there is no referrer.
fn is_unsupported(status: u16) -> bool {
    matches!(status, 400 | 404 | 405 | 501)
}
