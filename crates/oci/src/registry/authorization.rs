//! The `Authorization` header of requests to a registry, and its renewal.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::form_urlencoded;

use super::challenge::Challenge;
use super::client::{Client, follow};
use super::credentials::{Credentials, Secret};
use super::error::{OciError, Problem, RegistryError};
use super::location::{resolve, same_host};
use super::shared::Shared;
use super::target::Target;
use super::transport::{Call, Payload};

/// The most bytes of a token server's response that are read.
const TOKEN_BYTES: u64 = 1024 * 1024;

/// The header in use, and its generation: if many requests are refused with the same header, only one of
/// them fetches a new one.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    generation: u64,
    header: Option<Secret>,
    /// Additional scopes that tokens must have.
    scopes: Vec<String>,
    anonymous: bool,
    /// Whether the registry accepted a request with this header.
    accepted: bool,
}

/// The header that a request was sent with.
#[derive(Clone, Debug)]
pub(super) struct Used {
    generation: u64,
    pub(super) header: Option<Secret>,
    /// Whether it was obtained without credentials.
    pub(super) anonymous: bool,
}

impl Authorization {
    /// Starts with a header that the registry accepted for another repository.
    pub(super) fn starting_with(header: Option<Secret>) -> Self {
        let state = State {
            header,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Adds a scope that tokens must have; a token without it is replaced.
    pub(super) fn extend(&self, scope: String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.scopes.contains(&scope) {
            return;
        }
        state.scopes.push(scope);
        let bearer = |header: &Secret| header.reveal().starts_with("Bearer ");
        if state.header.as_ref().is_some_and(bearer) {
            state.header = None;
            state.generation += 1;
        }
    }

    /// The header to send.
    pub(super) fn current(&self) -> Used {
        let state = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let anonymous = state.header.is_none() || state.anonymous;
        Used {
            generation: state.generation,
            header: state.header,
            anonymous,
        }
    }

    /// Records that the registry accepted a request with `used`.
    pub(super) fn accept(&self, used: &Used) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation == used.generation {
            state.accepted = true;
        }
    }

    /// Whether `used` was accepted before, so that its token has expired, or has already been replaced by
    /// another request.
    pub(super) fn was_good(&self, used: &Used) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.accepted || state.generation != used.generation
    }

    /// Answers the challenge to a request that was sent with `used`.
    pub(super) fn renew(
        &self,
        shared: &Shared,
        target: &Target,
        used: &Used,
        challenge: &Challenge,
    ) -> Result<(), Renewal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation != used.generation {
            return Ok(());
        }
        let Shared {
            client, keychain, ..
        } = shared;
        // A refused token says nothing about the password; a refused password may have expired.
        if used.header.is_some() && *challenge == Challenge::Basic {
            keychain.refused(&target.host);
        }
        let credentials = keychain.credentials(&target.host, target.access);
        let credentials = credentials.map_err(|error| Renewal::Problem(error.into()))?;
        let anonymous = credentials == Credentials::Anonymous;
        let header = match challenge {
            Challenge::Basic => match &credentials {
                Credentials::Basic { username, password } => basic(username, password),
                Credentials::Anonymous | Credentials::IdentityToken(_) => {
                    let problem = Problem::Unauthorized {
                        anonymous: true,
                        error: None,
                    };
                    return Err(Renewal::Problem(problem));
                }
            },
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => {
                let scopes = scopes(target, scope.as_deref(), &state.scopes);
                let token = token(
                    client,
                    target,
                    realm,
                    service.as_deref(),
                    &scopes,
                    &credentials,
                );
                Secret::new(format!("Bearer {}", token?.reveal()))
            }
        };
        shared.remember(challenge, Some(header.clone()));
        *state = State {
            generation: state.generation + 1,
            header: Some(header),
            anonymous,
            accepted: false,
            scopes: std::mem::take(&mut state.scopes),
        };
        Ok(())
    }
}

/// Why a challenge could not be answered.
pub(super) enum Renewal {
    /// Of the request that was challenged.
    Problem(Problem),
    /// Of a request to the token server.
    Token(RegistryError),
}

fn basic(username: &str, password: &Secret) -> Secret {
    let pair = STANDARD.encode(format!("{username}:{}", password.reveal()));
    Secret::new(format!("Basic {pair}"))
}

/// Fetches a token:
/// [by GET](https://distribution.github.io/distribution/spec/auth/token/), or
/// [by POST for an identity token](https://distribution.github.io/distribution/spec/auth/oauth/).
fn token(
    client: &Client,
    target: &Target,
    realm: &str,
    service: Option<&str>,
    scopes: &str,
    credentials: &Credentials,
) -> Result<Secret, Renewal> {
    let mut url = resolve(&target.base, realm).map_err(Renewal::Problem)?;
    let form;
    let call = match credentials {
        Credentials::IdentityToken(token) => {
            form = form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("service", service.unwrap_or_default())
                .append_pair("client_id", client_id(client))
                .append_pair("scope", scopes)
                .append_pair("refresh_token", token.reveal())
                .finish();
            let mut call = Call::new("POST", url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Payload::Bytes(form.as_bytes()));
            call.sensitive = true;
            call
        }
        Credentials::Anonymous | Credentials::Basic { .. } => {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes.split_ascii_whitespace() {
                query.append_pair("scope", scope);
            }
            query.finish();
            drop(query);
            Call::new("GET", url)
        }
    };
    let header = match credentials {
        Credentials::Basic { username, password } => Some(basic(username, password)),
        Credentials::Anonymous | Credentials::IdentityToken(_) => None,
    };
    let send = |step: &Call<'_>| {
        let header = header.as_ref().filter(|_| same_host(&call.url, &step.url));
        client.exchange(step, header.map(Secret::reveal))
    };
    let response = follow(&target.base, &call, &send).map_err(Renewal::Token)?;
    let (status, anonymous) = (response.status, *credentials == Credentials::Anonymous);
    let asked = call.at(response.url.clone());
    let token_error = |problem| Renewal::Token(asked.error(problem));
    if status != 200 {
        let error = OciError::parse(&response.error_body());
        return Err(token_error(match status {
            400 | 401 | 403 => Problem::Unauthorized { anonymous, error },
            _ => Problem::Status { status, error },
        }));
    }
    let body = response
        .read(TOKEN_BYTES)
        .map_err(|_| token_error(Problem::Token))?;
    parse_token(&body).ok_or_else(|| token_error(Problem::Token))
}

/// The scope of a token: that of the whole task, so that a pull before a push already has a token that
/// allows the push; then what the registry `asked` for in addition, and what a mount needs.
fn scopes(target: &Target, asked: Option<&str>, more: &[String]) -> String {
    let resource = target.scope_resource();
    let mut scopes = vec![target.scope()];
    scopes.retain(|scope| !scope.is_empty());
    let asked = asked.unwrap_or_default().split_ascii_whitespace();
    for scope in asked.chain(more.iter().map(String::as_str)) {
        if !scope.starts_with(&resource) && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes.join(" ")
}

/// The client ID that is sent to a token server.
fn client_id(client: &Client) -> &str {
    let agent = &client.settings.user_agent;
    agent.split_once('/').map_or(agent, |(product, _)| product)
}

fn parse_token(body: &[u8]) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Body {
        token: Option<String>,
        access_token: Option<String>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let tokens = [body.token, body.access_token];
    let token = tokens
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())?;
    // It becomes a header.
    token
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then(|| Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::access::Access;

    #[test]
    fn the_scope_of_a_mount_follows_that_of_the_push() {
        let base = url::Url::parse("https://r.example/v2/").unwrap();
        let target = Target::new("r.example", &base, "a", Access::Push);
        let check = |asked, more: &[&str], expected: &str| {
            let more: Vec<_> = more.iter().map(ToString::to_string).collect();
            assert_eq!(scopes(&target, asked, &more), expected);
        };
        check(None, &[], "repository:a:pull,push");
        check(Some("repository:a:pull"), &[], "repository:a:pull,push");
        let both = "repository:a:pull,push repository:b:pull";
        check(Some("repository:b:pull repository:a:pull,push"), &[], both);
        check(None, &["repository:b:pull"], both);
        check(Some("repository:b:pull"), &["repository:b:pull"], both);
    }

    #[test]
    fn tokens_are_read() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(parse_token(body.as_bytes()), expected.map(Secret::new));
        };
        check(r#"{"token":"a","access_token":"b"}"#, Some("a"));
        check(r#"{"access_token":"b","expires_in":300}"#, Some("b"));
        check(r#"{"token":"a\r\nx-evil: 1"}"#, None);
        check(r#"{"token":""}"#, None);
        check(r#"{"token":"","access_token":"b"}"#, Some("b"));
        check(r#"{"token":null,"access_token":"b"}"#, Some("b"));
        check("<html>", None);
    }
}
