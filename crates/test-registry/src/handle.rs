//! Handles a request.

use std::net::SocketAddr;

use crate::auth::{refuse, token};
use crate::blobs::{blob, upload};
use crate::http::{Head, Response};
use crate::manifests::{manifest, referrers};
use crate::rates::throttle;
use crate::state::State;

pub(super) fn handle(state: &mut State, head: &Head, body: &[u8], address: SocketAddr) -> Response {
    if head.path == "/token" {
        return token(state, head);
    }
    if let Some(refusal) = throttle(state, head) {
        return refusal;
    }
    if let Some(refusal) = refuse(state, head, address) {
        return refusal;
    }
    let Some(path) = head.path.strip_prefix("/v2/") else {
        return Response::new(404);
    };
    if let Some(host) = &state.behaviour.redirect {
        let location = format!("http://{host}{}?{}", head.path, head.query);
        return Response::new(307).header("location", location);
    }
    if path.is_empty() {
        return Response::new(200);
    }
    let split = |marker: &str| {
        let (repository, rest) = path.rsplit_once(marker)?;
        Some((repository.to_owned(), rest.to_owned()))
    };
    if let Some((repository, id)) = split("/blobs/uploads/") {
        created(state, head, &repository)
            .or_else(|| known(state, &repository))
            .unwrap_or_else(|| upload(state, head, &repository, &id, body, address))
    } else if let Some((repository, digest)) = split("/blobs/") {
        known(state, &repository).unwrap_or_else(|| blob(state, head, &repository, &digest))
    } else if let Some((repository, reference)) = split("/manifests/") {
        known(state, &repository)
            .unwrap_or_else(|| manifest(state, head, &repository, &reference, body))
    } else if let Some((repository, digest)) = split("/referrers/") {
        known(state, &repository).unwrap_or_else(|| referrers(state, &repository, &digest))
    } else if let Some(repository) = path.strip_suffix("/tags/list") {
        known(state, repository).unwrap_or_else(|| tags(state, head, repository))
    } else {
        Response::new(404)
    }
}

/// A page of tags, in the order of their names.
fn tags(state: &State, head: &Head, repository: &str) -> Response {
    let last = head.param("last").unwrap_or_default();
    let all = state.tags.keys().filter(|(name, _)| name == repository);
    let mut tags: Vec<_> = all.map(|(_, tag)| tag).filter(|tag| **tag > last).collect();
    let more = tags.len() > state.behaviour.tags_page;
    tags.truncate(state.behaviour.tags_page);
    let body = serde_json::json!({ "name": repository, "tags": tags }).to_string();
    let response = Response::new(200).body(body.into_bytes());
    match tags.last() {
        Some(last) if more => {
            let link = format!("</v2/{repository}/tags/list?last={last}>; rel=\"next\"");
            response.header("link", link)
        }
        _ => response,
    }
}

fn known(state: &State, repository: &str) -> Option<Response> {
    let missing = state
        .behaviour
        .repositories
        .as_ref()
        .is_some_and(|all| !all.contains(repository));
    missing.then(|| Response::error(404, "NAME_UNKNOWN"))
}

/// Creates the repository of an upload, if the registry does so.
fn created(state: &mut State, head: &Head, repository: &str) -> Option<Response> {
    if state.behaviour.create_on_push && head.method == "POST" {
        let repositories = state.behaviour.repositories.as_mut()?;
        repositories.insert(repository.to_owned());
    }
    None
}
