//! What a registry does with a request.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::http::{Answer, Head};
use crate::state::{Auth, State, Upload};
use oci::image::{Index, Manifest};
use oci::{Digest, Kind, MediaType};

pub(super) fn handle(state: &mut State, head: &Head, body: &[u8], address: SocketAddr) -> Answer {
    if head.path == "/token" {
        return token(state, head);
    }
    if let Some(refusal) = refuse(state, head, address) {
        return refusal;
    }
    let Some(path) = head.path.strip_prefix("/v2/") else {
        return Answer::new(404);
    };
    if let Some(host) = &state.behaviour.redirect {
        let location = format!("http://{host}{}?{}", head.path, head.query);
        return Answer::new(307).header("location", location);
    }
    if path.is_empty() {
        return Answer::new(200);
    }
    let split = |marker: &str| {
        let (repository, rest) = path.rsplit_once(marker)?;
        Some((repository.to_owned(), rest.to_owned()))
    };
    if let Some((repository, id)) = split("/blobs/uploads/") {
        known(state, &repository).unwrap_or_else(|| upload(state, head, &repository, &id, body))
    } else if let Some((repository, digest)) = split("/blobs/") {
        known(state, &repository).unwrap_or_else(|| blob(state, head, &digest))
    } else if let Some((repository, reference)) = split("/manifests/") {
        known(state, &repository)
            .unwrap_or_else(|| manifest(state, head, &repository, &reference, body))
    } else if let Some(repository) = path.strip_suffix("/tags/list") {
        known(state, repository).unwrap_or_else(|| tags(state, head, repository))
    } else {
        Answer::new(404)
    }
}

/// A page of tags, in the order of their names.
fn tags(state: &State, head: &Head, repository: &str) -> Answer {
    let last = head.param("last").unwrap_or_default();
    let all = state.tags.keys().filter(|(name, _)| name == repository);
    let mut tags: Vec<_> = all.map(|(_, tag)| tag).filter(|tag| **tag > last).collect();
    let more = tags.len() > state.behaviour.tags_page;
    tags.truncate(state.behaviour.tags_page);
    let body = serde_json::json!({ "name": repository, "tags": tags }).to_string();
    let answer = Answer::new(200).body(body.into_bytes());
    match tags.last() {
        Some(last) if more => {
            let link = format!("</v2/{repository}/tags/list?last={last}>; rel=\"next\"");
            answer.header("link", link)
        }
        _ => answer,
    }
}

fn known(state: &State, repository: &str) -> Option<Answer> {
    let missing = state
        .behaviour
        .repositories
        .as_ref()
        .is_some_and(|all| !all.contains(repository));
    missing.then(|| Answer::error(404, "NAME_UNKNOWN"))
}

fn refuse(state: &mut State, head: &Head, address: SocketAddr) -> Option<Answer> {
    let shown = head.header("authorization").unwrap_or_default();
    let refusal = Answer::error(401, "UNAUTHORIZED");
    match &state.behaviour.auth {
        Auth::Open => None,
        Auth::Basic(name, password) => {
            let right = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            (shown != right).then(|| {
                refusal.header(
                    "www-authenticate",
                    "Basic realm=\"test, with a comma\",service=\"x\"",
                )
            })
        }
        Auth::Bearer(..) => {
            let token = shown.strip_prefix("Bearer ").unwrap_or_default();
            if let Some(left) = state.tokens.get_mut(token).filter(|left| **left > 0) {
                *left -= 1;
                return None;
            }
            let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"test\"");
            Some(refusal.header("www-authenticate", challenge))
        }
    }
}

fn token(state: &mut State, head: &Head) -> Answer {
    let Auth::Bearer(name, password, good_for) = &state.behaviour.auth else {
        return Answer::new(404);
    };
    let right = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let by_password = head.method == "GET" && head.header("authorization") == Some(&right);
    // The identity token of a test is the password itself, and is checked by who asks.
    let by_identity = head.method == "POST";
    if !by_password && !by_identity {
        return Answer::error(401, "UNAUTHORIZED");
    }
    let good_for = *good_for;
    state.counter += 1;
    let token = format!("token-{}", state.counter);
    state.tokens.insert(token.clone(), good_for);
    Answer::new(200).body(format!("{{\"token\":\"{token}\"}}").into_bytes())
}

fn blob(state: &State, head: &Head, digest: &str) -> Answer {
    let found = digest
        .parse::<Digest>()
        .ok()
        .and_then(|d| Some((d, state.blobs.get(&d)?)));
    match (head.method.as_str(), found) {
        ("HEAD" | "GET", Some((digest, bytes))) => {
            let answer = Answer::new(200).header("docker-content-digest", digest);
            answer.body(bytes.clone())
        }
        (_, None) => Answer::error(404, "BLOB_UNKNOWN"),
        _ => Answer::new(405),
    }
}

fn upload(state: &mut State, head: &Head, repository: &str, id: &str, body: &[u8]) -> Answer {
    // As distribution's, the state has the offset, so that each request needs the newest.
    let location =
        |id: u64, at: usize| format!("/v2/{repository}/blobs/uploads/{id}?_state=a%2Fb{at}");
    if head.method == "POST" {
        state.counter += 1;
        let id = state.counter;
        state.uploads.insert(id, Upload::default());
        let mut answer = Answer::new(202)
            .header("location", location(id, 0))
            .header("range", "0-0");
        if let Some(bytes) = state.behaviour.chunk_min_bytes {
            answer = answer.header("oci-chunk-min-length", bytes);
        }
        return answer;
    }
    let id: u64 = id.parse().unwrap_or_default();
    let state_of_client = head.param("_state").unwrap_or_default();
    if !state_of_client.starts_with("a/b") {
        return Answer::error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    let (lagging, patch_status) = (state.behaviour.lagging_range, state.behaviour.patch_status);
    let size = body.len() as u64;
    let (chunk_max, whole_max) = (
        state.behaviour.chunk_max_bytes,
        state.behaviour.whole_max_bytes,
    );
    if head.method == "PATCH" && size > chunk_max {
        return match chunk_max {
            0 => Answer::error(405, "UNSUPPORTED"),
            _ => Answer::error(416, "BLOB_UPLOAD_INVALID"),
        };
    }
    if head.method == "PUT" && size > whole_max {
        return Answer::new(413);
    }
    let (strict, least) = (state.behaviour.strict, state.behaviour.chunk_least_bytes);
    let Some(upload) = state.uploads.get_mut(&id) else {
        return Answer::error(404, "BLOB_UPLOAD_UNKNOWN");
    };
    if head.method != "GET" && state_of_client != format!("a/b{}", upload.data.len()) {
        return Answer::error(416, "BLOB_UPLOAD_INVALID");
    }
    if strict && head.method == "PATCH" && head.header("content-range").is_none() {
        return Answer::error(400, "BLOB_UPLOAD_INVALID");
    }
    if upload.short && size > 0 {
        return Answer::error(400, "BLOB_UPLOAD_INVALID");
    }
    upload.short = head.method == "PATCH" && size < least;
    if let Some(range) = head.header("content-range") {
        let start = range.split('-').next().and_then(|start| start.parse().ok());
        if start != Some(upload.data.len()) {
            return Answer::error(416, "BLOB_UPLOAD_INVALID");
        }
    }
    upload.data.extend_from_slice(body);
    if !lagging || upload.reported == 0 {
        upload.reported = upload.data.len() as u64;
    }
    let range = format!("0-{}", upload.reported.saturating_sub(1));
    let at = upload.data.len();
    match head.method.as_str() {
        "PATCH" => Answer::new(patch_status)
            .header("location", location(id, at))
            .header("range", range),
        "GET" => Answer::new(204)
            .header("location", location(id, at))
            .header("range", range),
        "PUT" => finish(state, head, id),
        _ => Answer::new(405),
    }
}

fn finish(state: &mut State, head: &Head, id: u64) -> Answer {
    let upload = state.uploads.remove(&id).unwrap_or_default();
    let digest = Digest::of(&upload.data);
    if head.param("digest") != Some(digest.to_string()) {
        return Answer::error(400, "DIGEST_INVALID");
    }
    state.blobs.insert(digest, upload.data);
    let answer = Answer::new(201).header("location", format!("/blobs/{digest}"));
    if state.behaviour.silent {
        answer
    } else {
        answer.header("docker-content-digest", digest)
    }
}

fn manifest(
    state: &mut State,
    head: &Head,
    repository: &str,
    reference: &str,
    body: &[u8],
) -> Answer {
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
        return Answer::error(404, "MANIFEST_UNKNOWN");
    };
    let media_type = format!("{media_type}; charset=utf-8");
    let answer = Answer::new(200)
        .header("content-type", media_type)
        .body(bytes.clone());
    if state.behaviour.silent {
        answer
    } else {
        answer.header("docker-content-digest", digest)
    }
}

/// Deletes a manifest with its tags, or a tag alone.
fn delete(state: &mut State, repository: &str, reference: &str, digest: Option<Digest>) -> Answer {
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
        return Answer::error(404, "MANIFEST_UNKNOWN");
    }
    Answer::new(202)
}

fn put_manifest(state: &mut State, head: &Head, key: (String, String), body: &[u8]) -> Answer {
    let (repository, reference) = key.clone();
    let digest = Digest::of(body);
    let by_digest = reference.parse::<Digest>().ok();
    if by_digest.is_some_and(|expected| expected != digest) {
        return Answer::error(400, "DIGEST_INVALID");
    }
    let media_type = head.header("content-type").unwrap_or_default().to_owned();
    if media_type.contains(';') && !state.behaviour.media_type_parameters {
        return Answer::error(405, "UNSUPPORTED");
    }
    let complete = match MediaType::new(media_type.clone()).kind() {
        Kind::Manifest => Manifest::parse(body).is_ok_and(|manifest| {
            let mut blobs = manifest.layers.iter().chain([&manifest.config]);
            blobs.all(|blob| blob.media_type.is_foreign() || state.blobs.contains_key(&blob.digest))
        }),
        Kind::Index => Index::parse(body).is_ok_and(|index| {
            let has = |d: Digest| state.manifests.contains_key(&(repository.clone(), d));
            index.manifests.iter().all(|child| has(child.digest))
        }),
        _ => false,
    };
    if !complete {
        return Answer::error(400, "MANIFEST_BLOB_UNKNOWN");
    }
    if by_digest.is_none() {
        if state.behaviour.immutable_tags && state.tags.contains_key(&key) {
            return Answer::error(400, "TAG_INVALID");
        }
        state.tags.insert(key, digest);
    }
    state
        .manifests
        .insert((repository, digest), (media_type, body.to_vec()));
    let mut answer = Answer::new(201);
    if state.behaviour.manifest_location {
        answer = answer.header("location", format!("{}?x", head.path));
    }
    if state.behaviour.silent {
        answer
    } else {
        answer.header("docker-content-digest", digest)
    }
}
