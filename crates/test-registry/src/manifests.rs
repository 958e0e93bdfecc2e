//! Manifests and indexes, by tag and by digest.

use crate::http::{Head, Response};
use crate::state::State;
use oci::image::{Index, Manifest, Referrer};
use oci::{Digest, Kind, MediaType};

pub(super) fn manifest(
    state: &mut State,
    head: &Head,
    repository: &str,
    reference: &str,
    body: &[u8],
) -> Response {
    let key = (repository.to_owned(), reference.to_owned());
    let by_digest = reference.parse::<Digest>().ok();
    if head.method == "PUT" {
        return put_manifest(state, head, key, body);
    }
    let digest = by_digest.or_else(|| state.tags.get(&key).copied());
    if head.method == "DELETE" {
        return delete(state, repository, reference, digest);
    }
    let found = digest.and_then(|d| Some((d, state.manifests.get(&(repository.to_owned(), d))?)));
    let Some((digest, (media_type, bytes))) = found else {
        return Response::error(404, "MANIFEST_UNKNOWN");
    };
    let parameters = if state.behaviour.media_type_parameters {
        "; charset=utf-8"
    } else {
        ""
    };
    let media_type = format!("{media_type}{parameters}");
    let mut response = Response::new(200)
        .header("content-type", media_type)
        .body(bytes.clone());
    if state.behaviour.conditions {
        response = response.header("etag", format!("\"{digest}\""));
    }
    if state.behaviour.silent {
        response
    } else {
        response.header("docker-content-digest", digest)
    }
}

/// Deletes a manifest with its tags, or a tag alone.
fn delete(
    state: &mut State,
    repository: &str,
    reference: &str,
    digest: Option<Digest>,
) -> Response {
    let by_tag = reference.parse::<Digest>().is_err();
    let before = state.tags.len() + state.manifests.len();
    state.tags.retain(|(name, tag), digest_of| {
        let this = if by_tag {
            tag == reference
        } else {
            Some(*digest_of) == digest
        };
        name != repository || !this
    });
    if let Some(digest) = digest.filter(|_| !by_tag) {
        state.manifests.remove(&(repository.to_owned(), digest));
    }
    if state.tags.len() + state.manifests.len() == before {
        return Response::error(404, "MANIFEST_UNKNOWN");
    }
    Response::new(202)
}

fn put_manifest(state: &mut State, head: &Head, key: (String, String), body: &[u8]) -> Response {
    let (repository, reference) = key.clone();
    let digest = Digest::of(body);
    let by_digest = reference.parse::<Digest>().ok();
    if by_digest.is_some_and(|expected| expected != digest) {
        return Response::error(400, "DIGEST_INVALID");
    }
    let media_type = head.header("content-type").unwrap_or_default().to_owned();
    if media_type.contains(';') && !state.behaviour.media_type_parameters {
        return Response::error(405, "UNSUPPORTED");
    }
    let referrer = Referrer::parse(&MediaType::new(media_type.clone()), body);
    let referrer = referrer.ok().flatten();
    let complete = match MediaType::new(media_type.clone()).kind() {
        Kind::Manifest => Manifest::parse(body).is_ok_and(|manifest| {
            let mut blobs = manifest.layers.iter().chain([&manifest.config]);
            let has = |digest| state.blob(&repository, digest).is_some();
            blobs.all(|blob| blob.media_type.is_foreign() || has(blob.digest))
        }),
        Kind::Index => Index::parse(body).is_ok_and(|index| {
            let has = |d: Digest| state.manifests.contains_key(&(repository.clone(), d));
            index.manifests.iter().all(|child| has(child.digest))
        }),
        _ => false,
    };
    if !complete {
        return Response::error(400, "MANIFEST_BLOB_UNKNOWN");
    }
    if let Some(refusal) = conflict(state, head, &key) {
        return refusal;
    }
    if by_digest.is_none() {
        if state.behaviour.immutable_tags && state.tags.contains_key(&key) {
            return Response::error(400, "TAG_INVALID");
        }
        state.tags.insert(key, digest);
    }
    state
        .manifests
        .insert((repository, digest), (media_type, body.to_vec()));
    let mut response = Response::new(201);
    if let Some(referrer) = referrer.filter(|_| state.behaviour.referrers) {
        response = response.header("oci-subject", referrer.subject.digest);
    }
    if state.behaviour.manifest_location {
        response = response.header("location", format!("{}?x", head.path));
    }
    if state.behaviour.silent {
        response
    } else {
        response.header("docker-content-digest", digest)
    }
}

/// The refusal of a manifest whose condition is not met.
fn conflict(state: &State, head: &Head, key: &(String, String)) -> Option<Response> {
    if !state.behaviour.conditions {
        return None;
    }
    let current = state.tags.get(key).map(|digest| format!("\"{digest}\""));
    let matches = head.header("if-match");
    let unmet = matches.is_some_and(|wanted| current.as_deref() != Some(wanted));
    let exists = head.header("if-none-match") == Some("*") && current.is_some();
    (unmet || exists).then(|| Response::error(412, "DENIED"))
}

/// The index of the referrers of a digest.
pub(super) fn referrers(state: &State, repository: &str, digest: &str) -> Response {
    if !state.behaviour.referrers {
        return Response::new(404);
    }
    let of = |((name, _), (media_type, bytes)): (&(String, Digest), &(String, Vec<u8>))| {
        let media_type = MediaType::new(media_type.clone());
        let referrer = Referrer::parse(&media_type, bytes).ok().flatten()?;
        let here = name == repository && referrer.subject.digest.to_string() == digest;
        here.then_some(referrer.descriptor)
    };
    let index = Index::new(state.manifests.iter().filter_map(of).collect());
    let (bytes, descriptor) = index.to_bytes();
    let response = Response::new(200).header("content-type", descriptor.media_type);
    response.body(bytes)
}
