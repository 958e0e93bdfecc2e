//! Blobs and their uploads.

use std::net::SocketAddr;

use crate::auth::refuse_mount;
use crate::http::{Head, Response};
use crate::state::{State, Upload};
use oci::Digest;

pub(super) fn blob(state: &State, head: &Head, repository: &str, digest: &str) -> Response {
    let found = digest
        .parse::<Digest>()
        .ok()
        .and_then(|d| Some((d, state.blob(repository, d)?)));
    match (head.method.as_str(), found) {
        ("HEAD" | "GET", Some((digest, bytes))) => {
            let response = Response::new(200).header("docker-content-digest", digest);
            response.body(bytes.clone())
        }
        (_, None) => Response::error(404, "BLOB_UNKNOWN"),
        _ => Response::new(405),
    }
}

pub(super) fn upload(
    state: &mut State,
    head: &Head,
    repository: &str,
    id: &str,
    body: &[u8],
    address: SocketAddr,
) -> Response {
    // As in distribution, the state contains the offset, so that each request needs the newest one.
    let location =
        |id: u64, at: usize| format!("/v2/{repository}/blobs/uploads/{id}?_state=a%2Fb{at}");
    if head.method == "POST" {
        if let Some(response) = mount(state, head, repository, address) {
            return response;
        }
        state.counter += 1;
        let id = state.counter;
        state.uploads.insert(id, Upload::default());
        let mut response = Response::new(202)
            .header("location", location(id, 0))
            .header("range", "0-0");
        if let Some(bytes) = state.behaviour.chunk_min_bytes {
            response = response.header("oci-chunk-min-length", bytes);
        }
        return response;
    }
    let id: u64 = id.parse().unwrap_or_default();
    let state_of_client = head.param("_state").unwrap_or_default();
    if !state_of_client.starts_with("a/b") {
        return Response::error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    let (lagging, patch_status) = (state.behaviour.lagging_range, state.behaviour.patch_status);
    let size = body.len() as u64;
    let (chunk_max, whole_max) = (
        state.behaviour.chunk_max_bytes,
        state.behaviour.whole_max_bytes,
    );
    if head.method == "PATCH" && size > chunk_max {
        return match chunk_max {
            0 => Response::error(405, "UNSUPPORTED"),
            _ => Response::error(416, "BLOB_UPLOAD_INVALID"),
        };
    }
    if head.method == "PUT" && size > whole_max {
        return Response::new(413);
    }
    let (strict, least) = (state.behaviour.strict, state.behaviour.chunk_least_bytes);
    let Some(upload) = state.uploads.get_mut(&id) else {
        return Response::error(404, "BLOB_UPLOAD_UNKNOWN");
    };
    if head.method != "GET" && state_of_client != format!("a/b{}", upload.data.len()) {
        return Response::error(416, "BLOB_UPLOAD_INVALID");
    }
    if strict && head.method == "PATCH" && head.header("content-range").is_none() {
        return Response::error(400, "BLOB_UPLOAD_INVALID");
    }
    if upload.short && size > 0 {
        return Response::error(400, "BLOB_UPLOAD_INVALID");
    }
    upload.short = head.method == "PATCH" && size < least;
    if let Some(range) = head.header("content-range") {
        let start = range.split('-').next().and_then(|start| start.parse().ok());
        if start != Some(upload.data.len()) {
            return Response::error(416, "BLOB_UPLOAD_INVALID");
        }
    }
    upload.data.extend_from_slice(body);
    if !lagging || upload.reported == 0 {
        upload.reported = upload.data.len() as u64;
    }
    let range = format!("0-{}", upload.reported.saturating_sub(1));
    let at = upload.data.len();
    match head.method.as_str() {
        "PATCH" => Response::new(patch_status)
            .header("location", location(id, at))
            .header("range", range),
        "GET" => Response::new(204)
            .header("location", location(id, at))
            .header("range", range),
        "PUT" => finish(state, head, repository, id),
        _ => Response::new(405),
    }
}

fn finish(state: &mut State, head: &Head, repository: &str, id: u64) -> Response {
    let upload = state.uploads.remove(&id).unwrap_or_default();
    let digest = Digest::of(&upload.data);
    if head.param("digest") != Some(digest.to_string()) {
        return Response::error(400, "DIGEST_INVALID");
    }
    state.blobs.insert(digest, upload.data);
    state.link(repository, digest);
    let response = Response::new(201).header("location", format!("/blobs/{digest}"));
    if state.behaviour.silent {
        response
    } else {
        response.header("docker-content-digest", digest)
    }
}

/// Mounts a blob from another repository, if the request asks for it and the registry supports it.
fn mount(
    state: &mut State,
    head: &Head,
    repository: &str,
    address: SocketAddr,
) -> Option<Response> {
    let digest: Digest = head.param("mount")?.parse().ok()?;
    let from = head.param("from")?;
    if let Some(refusal) = refuse_mount(state, head, &from, address) {
        return Some(refusal);
    }
    if !state.behaviour.mounts {
        return None;
    }
    state.blob(&from, digest)?;
    state.link(repository, digest);
    let location = format!("/v2/{repository}/blobs/{digest}");
    let response = Response::new(201).header("location", location);
    Some(response.header("docker-content-digest", digest))
}
