//! Sends blobs: in one request, or in chunks after the connection broke.
//!
//! A blob that another repository of the registry has is mounted instead.
//!
//! Every registry accepts a blob in one request. GitHub's refuses chunks above 4 MiB, and Google's
//! Artifact Registry refuses all chunks; refusals are remembered.

use std::io::{self, Read};

use url::Url;

use super::blobs::{Claim, SlottedReader};
use super::client::{expect, read_problem};
use super::error::{Problem, RegistryError};
use super::location::resolve;
use super::resume::{Next, after_failure, chunk_bytes, stored};
use super::retry;
use super::session::Repository;
use super::transport::{Call, Payload, Response};
use crate::copy::{Open, Stored};
use crate::{Descriptor, Digest};

/// A blob larger than this is sent in chunks after a failed attempt, so that another failure does not
/// lose all progress.
const RESUMABLE_BYTES: u64 = 32 << 20;

/// The outcome of an attempt to send a blob.
enum Sent {
    Done,
    /// The upload is lost. The error is returned if there is no other attempt.
    Lost(RegistryError),
    /// The registry does not accept a chunk of this size, or no chunks at all.
    ChunkRefused,
}

/// An upload in progress.
struct Upload {
    location: Url,
    chunk_bytes: u64,
}

/// The response to the request to mount a blob.
enum Mounted {
    Done,
    /// The registry starts an upload instead.
    Upload(Upload),
    /// It refuses mounts.
    No,
}

impl Repository {
    /// Allows blobs to be mounted from the repository `name` of the same registry, which has the blobs that
    /// will be pushed.
    #[must_use]
    pub fn with_mount_source(mut self, name: &str) -> Self {
        if name != self.name {
            self.authorization.extend(self.target.mount_scope(name));
            self.mount_source = Some(name.to_owned());
        }
        self
    }

    /// Allows these blobs to be mounted from the repository `name` of the same registry, which has them.
    #[must_use]
    pub fn with_blobs_of(self, name: &str, blobs: impl IntoIterator<Item = Digest>) -> Self {
        if name != self.name && self.shared.blobs.mounts_from(name) {
            self.authorization.extend(self.target.mount_scope(name));
            for digest in blobs {
                self.shared.blobs.add(digest, name);
            }
        }
        self
    }

    /// Stores a blob unless the repository has it: by a mount if another repository of the registry is known
    /// to have it, else by sending it.
    ///
    /// `open` opens it from its start; it is called once for each attempt.
    ///
    /// # Errors
    /// If the registry refuses it, or cannot be reached in all attempts; or if the content does not match
    /// `descriptor`, and then the registry does not store it.
    pub fn push_blob(
        &self,
        descriptor: &Descriptor,
        open: Open<'_>,
    ) -> Result<Stored, RegistryError> {
        let (blobs, digest) = (&self.shared.blobs, descriptor.digest);
        if self.has_blob(descriptor)? {
            blobs.add(digest, &self.name);
            return Ok(Stored::Present);
        }
        let source = self.mount_source.as_deref();
        if let Some(source) = source.filter(|source| blobs.mounts_from(source)) {
            blobs.add(digest, source);
        }
        let mut upload = None;
        let sending = loop {
            match blobs.claim(digest, &self.name) {
                Claim::Present => return Ok(Stored::Present),
                Claim::Send(sending) => break sending,
                Claim::Mount(from) => match self.mount(descriptor, &from) {
                    Mounted::Done => {
                        blobs.add(digest, &self.name);
                        return Ok(Stored::Mounted);
                    }
                    Mounted::Upload(started) => {
                        blobs.refuse(&from);
                        upload = Some(started);
                    }
                    Mounted::No => blobs.refuse(&from),
                },
            }
        };
        self.send(descriptor, open, upload)?;
        sending.done();
        Ok(Stored::Sent)
    }

    /// Asks the registry to mount a blob from another repository. If that fails for any reason, the blob can
    /// still be sent.
    fn mount(&self, descriptor: &Descriptor, from: &str) -> Mounted {
        self.authorization.extend(self.target.mount_scope(from));
        let mut url = self.url("blobs/uploads/");
        url.query_pairs_mut()
            .append_pair("mount", &descriptor.digest.to_string())
            .append_pair("from", self.target.sibling(from).as_str());
        let call = Call::new("POST", url);
        let Ok(response) = self.call(&call) else {
            return Mounted::No;
        };
        match response.status {
            201 if self.check_stored(&call, &response, descriptor).is_ok() => Mounted::Done,
            202 => self
                .upload(&call, &response)
                .map_or(Mounted::No, Mounted::Upload),
            _ => Mounted::No,
        }
    }

    /// Sends a blob. `upload` is an upload that was already started for it.
    fn send(
        &self,
        descriptor: &Descriptor,
        open: Open<'_>,
        mut upload: Option<Upload>,
    ) -> Result<(), RegistryError> {
        let limit = &self.settings().chunk_limit;
        let mut failed = 0;
        let mut in_chunks = descriptor.size > self.settings().monolithic_bytes;
        loop {
            let upload = match upload.take() {
                Some(upload) => upload,
                None => self.start()?,
            };
            let chunk_bytes = upload.chunk_bytes;
            let sent = if in_chunks && limit.get() > 0 {
                self.send_chunks(upload, descriptor, open)
            } else {
                self.send_whole(&upload, descriptor, open)
            };
            match sent {
                Ok(Sent::Done) => return Ok(()),
                Ok(Sent::Lost(error)) => {
                    failed += 1;
                    in_chunks |= descriptor.size > RESUMABLE_BYTES;
                    self.client().pause(failed, None, error)?;
                }
                Ok(Sent::ChunkRefused) => limit.lower(chunk_bytes),
                // A proxy in front of the registry limits the size of a request.
                Err(error) if error.status() == Some(413) && !in_chunks && limit.get() > 0 => {
                    in_chunks = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts an upload.
    fn start(&self) -> Result<Upload, RegistryError> {
        let call = Call::new("POST", self.url("blobs/uploads/"));
        let response = expect(&call, self.call(&call)?, &[202])?;
        self.upload(&call, &response)
    }

    /// The upload that a response starts.
    fn upload(&self, call: &Call, response: &Response) -> Result<Upload, RegistryError> {
        let settings = self.settings();
        let ours = settings.chunk_bytes.min(settings.chunk_limit.get().max(1));
        let chunk_bytes = chunk_bytes(ours, response.header("oci-chunk-min-length"));
        Ok(Upload {
            location: self.location(call, response)?,
            chunk_bytes,
        })
    }

    fn location(&self, call: &Call, response: &Response) -> Result<Url, RegistryError> {
        let text = response.header("location");
        let text = text.ok_or_else(|| call.error(Problem::Header { name: "Location" }))?;
        let next = resolve(&response.url, text).map_err(|problem| call.error(problem))?;
        resolve(self.base(), next.as_str()).map_err(|problem| call.error(problem))?;
        Ok(next)
    }

    fn send_whole(
        &self,
        upload: &Upload,
        descriptor: &Descriptor,
        open: Open<'_>,
    ) -> Result<Sent, RegistryError> {
        let slot = &self.shared.blobs.body();
        let size = descriptor.size;
        let open = || -> io::Result<Box<dyn Read + Send + '_>> {
            let (reader, left) = (open()?, size);
            Ok(Box::new(SlottedReader { reader, left, slot }))
        };
        let payload = Payload::Stream { size, open: &open };
        self.finish(&upload.location, descriptor, payload)
    }

    /// The PUT that completes an upload, with the rest of the content.
    fn finish(
        &self,
        location: &Url,
        descriptor: &Descriptor,
        payload: Payload<'_>,
    ) -> Result<Sent, RegistryError> {
        let mut url = location.clone();
        // The registry's own query must be kept unchanged.
        let digest = format!("digest={}", descriptor.digest).replace(':', "%3A");
        let query = url.query().filter(|query| !query.is_empty());
        let query = query.map_or(digest.clone(), |query| format!("{query}&{digest}"));
        url.set_query(Some(&query));
        let mut call = Call::new("PUT", url)
            .header("content-type", "application/octet-stream")
            .body(payload);
        // After the connection broke, the state of the upload is unknown.
        call.again = false;
        match self.call(&call) {
            Ok(response) if response.status == 416 || response.status == 404 => {
                lost(expect(&call, response, &[]))
            }
            Ok(response) => {
                let response = expect(&call, response, &[201, 204])?;
                self.check_stored(&call, &response, descriptor)
                    .map(|()| Sent::Done)
            }
            Err(error) => {
                // The blob may have arrived, and only the response was lost.
                if is_lost(&error) && self.has_blob(descriptor).unwrap_or(false) {
                    return Ok(Sent::Done);
                }
                lost(Err(error))
            }
        }
    }

    fn check_stored(
        &self,
        call: &Call,
        response: &Response,
        descriptor: &Descriptor,
    ) -> Result<(), RegistryError> {
        let reported = response
            .header("docker-content-digest")
            .and_then(|text| text.parse().ok());
        if let Some(actual) = reported.filter(|actual| *actual != descriptor.digest) {
            let expected = descriptor.digest;
            return Err(call.error(Problem::OtherDigest { expected, actual }));
        }
        if reported.is_none() && !self.has_blob(descriptor)? {
            return Err(call.error(Problem::Header {
                name: "Docker-Content-Digest",
            }));
        }
        Ok(())
    }

    fn send_chunks(
        &self,
        mut upload: Upload,
        descriptor: &Descriptor,
        open: Open<'_>,
    ) -> Result<Sent, RegistryError> {
        let slot = self.shared.blobs.body();
        let read = |call: &Call, error| call.error(read_problem(error));
        let call = Call::new("PATCH", upload.location.clone());
        let mut reader = open().map_err(|error| read(&call, error))?;
        let mut start = 0;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            let take = reader
                .by_ref()
                .take(upload.chunk_bytes)
                .read_to_end(&mut chunk);
            let call = Call::new("PATCH", upload.location.clone());
            take.map_err(|error| read(&call, error))?;
            if chunk.is_empty() {
                break;
            }
            let end = start + chunk.len() as u64;
            match self.send_chunk(&mut upload, &chunk, start, end)? {
                Sent::Done => start = end,
                unfinished => return Ok(unfinished),
            }
        }
        drop(slot);
        self.finish(&upload.location, descriptor, Payload::Nothing)
    }

    fn send_chunk(
        &self,
        upload: &mut Upload,
        chunk: &[u8],
        start: u64,
        end: u64,
    ) -> Result<Sent, RegistryError> {
        let mut failed = 0;
        loop {
            let mut call = Call::new("PATCH", upload.location.clone())
                .header("content-type", "application/octet-stream")
                .header("content-range", format!("{start}-{}", end - 1))
                .body(Payload::Bytes(chunk));
            call.again = false;
            let error = match self.call(&call) {
                // ECR responds with 201.
                Ok(response) if matches!(response.status, 201 | 202 | 204) => {
                    upload.location = self.location(&call, &response)?;
                    return Ok(Sent::Done);
                }
                Ok(response) if start == 0 && refuses_chunk(response.status, failed > 0) => {
                    return Ok(Sent::ChunkRefused);
                }
                Ok(response) if response.status == 416 || response.status == 404 => {
                    return lost(expect(&call, response, &[]));
                }
                Ok(response) => return expect(&call, response, &[]).map(|_| Sent::Done),
                Err(error) if is_lost(&error) => error,
                Err(error) => return Err(error),
            };
            failed += 1;
            match self.state(upload, start, end) {
                Next::Continue => return Ok(Sent::Done),
                Next::Resend => self.client().pause(failed, None, error)?,
                Next::Restart => return Ok(Sent::Lost(error)),
            }
        }
    }

    /// Queries the offset of an upload.
    fn state(&self, upload: &mut Upload, start: u64, end: u64) -> Next {
        let call = Call::new("GET", upload.location.clone());
        let Ok(response) = self.call(&call) else {
            return Next::Restart;
        };
        if !matches!(response.status, 200 | 202 | 204) {
            return Next::Restart;
        }
        let next = after_failure(start, end, stored(response.header("range")));
        if let Ok(location) = self.location(&call, &response) {
            upload.location = location;
        }
        next
    }
}

/// Whether the response to the first chunk of an upload means that the registry does not accept chunks of
/// that size. The offset cannot be wrong, unless the chunk was sent before.
fn refuses_chunk(status: u16, sent_before: bool) -> bool {
    match status {
        405 | 411 | 413 | 415 | 501 => true,
        400 | 416 => !sent_before,
        _ => false,
    }
}

/// Whether an error concerns only this upload, and not the blob.
fn is_lost(error: &RegistryError) -> bool {
    match &*error.problem {
        Problem::Unreachable(error) => error.is_transient(),
        Problem::Status { status, .. } => {
            retry::is_transient(*status) || matches!(status, 404 | 416)
        }
        _ => false,
    }
}

fn lost(outcome: Result<Response, RegistryError>) -> Result<Sent, RegistryError> {
    match outcome {
        Ok(_) => Ok(Sent::Done),
        Err(error) if is_lost(&error) => Ok(Sent::Lost(error)),
        Err(error) => Err(error),
    }
}
