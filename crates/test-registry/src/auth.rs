//! Which requests the registry accepts, and its token server.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::http::{Head, Response};
use crate::state::{Auth, State, Token};

pub(super) fn refuse(state: &mut State, head: &Head, address: SocketAddr) -> Option<Response> {
    let shown = head.header("authorization").unwrap_or_default();
    let refusal = Response::error(401, "UNAUTHORIZED");
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
            let reads = ["GET", "HEAD"].contains(&head.method.as_str());
            if let Some(token) = state.tokens.get_mut(token).filter(|token| token.left > 0)
                && (reads || !state.behaviour.public || !reads_only(&token.scopes))
            {
                token.left -= 1;
                return None;
            }
            Some(refusal.header("www-authenticate", challenge(head, address)))
        }
    }
}

pub(super) fn token(state: &mut State, head: &Head) -> Response {
    let Auth::Bearer(name, password, good_for) = &state.behaviour.auth else {
        return Response::new(404);
    };
    let right = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let by_password = head.method == "GET" && head.header("authorization") == Some(&right);
    // In tests the identity token is the password itself.
    let by_identity = head.method == "POST";
    let scopes = head.params("scope");
    let scopes = scopes.iter().flat_map(|scope| scope.split(' '));
    let scopes: Vec<_> = scopes.map(str::to_owned).collect();
    let anonymous = head.header("authorization").is_none();
    let to_read = state.behaviour.public && anonymous && reads_only(&scopes);
    if !by_password && !by_identity && !to_read {
        return Response::error(401, "UNAUTHORIZED");
    }
    let left = *good_for;
    state.counter += 1;
    let token = format!("token-{}", state.counter);
    state.tokens.insert(token.clone(), Token { left, scopes });
    Response::new(200).body(format!("{{\"token\":\"{token}\"}}").into_bytes())
}

fn reads_only(scopes: &[String]) -> bool {
    scopes.iter().all(|scope| scope.ends_with(":pull"))
}

/// The token server has the name by which the client reaches the registry.
fn challenge(head: &Head, address: SocketAddr) -> String {
    let host = head
        .header("host")
        .map_or_else(|| address.to_string(), str::to_owned);
    format!("Bearer realm=\"http://{host}/token\",service=\"test\"")
}

/// The refusal of a mount whose token does not allow reading the repository `from`.
pub(super) fn refuse_mount(
    state: &State,
    head: &Head,
    from: &str,
    address: SocketAddr,
) -> Option<Response> {
    let Auth::Bearer(..) = state.behaviour.auth else {
        return None;
    };
    let shown = head.header("authorization").unwrap_or_default();
    let token = state.tokens.get(shown.strip_prefix("Bearer ")?)?;
    let wanted = format!("repository:{from}:pull");
    if token.scopes.iter().any(|scope| scope.starts_with(&wanted)) {
        return None;
    }
    let challenge = format!("{},scope=\"{wanted}\"", challenge(head, address));
    let refusal = Response::error(401, "UNAUTHORIZED");
    Some(refusal.header("www-authenticate", challenge))
}
