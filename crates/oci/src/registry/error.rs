//! Errors of registries: the request, and what went wrong.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::credentials::CredentialError;
use super::proxy::ProxyError;
use super::transport_error::TransportError;
use crate::descriptor::null_is_empty;
use crate::image::DocumentError;
use crate::{Digest, Mismatch};

/// The longest part of a registry's message that is shown; Amazon's messages name a role and a resource.
const MAX_MESSAGE_CHARS: usize = 600;

/// A request to a registry failed.
///
/// Its text includes the problem, so that it fits one line; its source is the problem's.
#[derive(Debug)]
pub struct RegistryError {
    /// The request's method.
    pub method: &'static str,
    /// Its URL, without query and user information.
    pub url: String,
    /// What went wrong.
    pub problem: Box<Problem>,
    /// The attempts, if it was retried or could have been.
    pub gave_up: Option<GaveUp>,
}

/// The retries, when they were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// The number of attempts.
    pub attempts: u32,
    /// How long no request had succeeded.
    pub outage: Duration,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url, self.problem)?;
        match self.gave_up {
            Some(GaveUp { attempts, outage }) => {
                let noun = if attempts == 1 { "attempt" } else { "attempts" };
                let seconds = outage.as_secs_f64();
                write!(f, "; gave up after {attempts} {noun} in {seconds:.1}s")
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for RegistryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The registry could not be reached.
    #[error("{0}")]
    Unreachable(TransportError),
    /// The registry refused the request.
    #[error("{status}{}", error.as_ref().map(|e| format!(" {e}")).unwrap_or_default())]
    Status {
        /// The HTTP status.
        status: u16,
        /// The registry's own error, if it sent one.
        error: Option<OciError>,
    },
    /// The registry, or its token server, refused the credentials.
    #[error("{}", unauthorized(*anonymous, error.as_ref()))]
    Unauthorized {
        /// Whether none were sent.
        anonymous: bool,
        /// The registry's own error, if it sent one.
        error: Option<OciError>,
    },
    /// Credentials could not be obtained.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The registry requires a kind of authentication that is not supported.
    #[error("401 without a Basic or Bearer challenge")]
    Challenge,
    /// The response of the token server does not contain a token.
    #[error("the response of the token server contains no token")]
    Token,
    /// The registry redirects to a URL that is not followed.
    #[error("refused to follow a redirect to {target}: {why}")]
    Redirect {
        /// The URL, without its query.
        target: String,
        /// Why not.
        why: &'static str,
    },
    /// The environment's proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A required header of the response is missing or invalid.
    #[error("the response has no valid {name} header")]
    Header {
        /// The header.
        name: &'static str,
    },
    /// Content that was sent or received does not match its descriptor.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The registry reports that it stored something else.
    #[error("the registry has {actual} instead of {expected}")]
    OtherDigest {
        /// What was sent.
        expected: Digest,
        /// What it reports.
        actual: Digest,
    },
    /// The tag is immutable and has another image.
    #[error(
        "{status}{}; the tag already refers to {actual} and cannot be changed to {expected}",
        error.as_ref().map(|e| format!(" {e}")).unwrap_or_default()
    )]
    Immutable {
        /// What was sent.
        expected: Digest,
        /// What the tag refers to.
        actual: Digest,
        /// The HTTP status.
        status: u16,
        /// The registry's own error, if it sent one.
        error: Option<OciError>,
    },
    /// Other writers replaced the list of referrers at every attempt.
    #[error("other writers replaced the list of referrers {updates} times")]
    Contended {
        /// The attempts.
        updates: u32,
    },
    /// The content to be sent could not be read.
    #[error("cannot read the content to be sent")]
    Read(#[source] std::io::Error),
    /// The response is not the expected document.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// An error in the form of
/// [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciError {
    /// `DENIED`, `NAME_UNKNOWN`, …
    pub code: String,
    /// The registry's message.
    pub message: String,
}

impl fmt::Display for OciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.is_empty(), self.message.is_empty()) {
            (_, true) => f.write_str(&self.code),
            (true, false) => f.write_str(&self.message),
            (false, false) => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

impl OciError {
    /// Whether the registry refuses to change a tag. Amazon ECR has a code for it; Harbor, Quay and Artifact
    /// Registry mention it in the message.
    pub fn is_immutable_tag(&self) -> bool {
        matches!(
            self.code.as_str(),
            "TAG_INVALID" | "ImageTagAlreadyExistsException"
        ) || self.message.to_lowercase().contains("immutable")
    }

    /// The first error of a response's body: in the form of the specification, or the one `message`
    /// or `details` of the token servers of Docker Hub and others.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Body {
            #[serde(deserialize_with = "null_is_empty")]
            errors: Vec<Entry>,
            code: Option<String>,
            #[serde(alias = "details", alias = "detail", alias = "error_description")]
            message: Option<String>,
        }
        #[derive(Deserialize)]
        struct Entry {
            code: Option<String>,
            message: Option<String>,
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        let first = body.errors.into_iter().next();
        let (code, message) = match first {
            Some(first) => (first.code, first.message),
            None => (body.code, body.message),
        };
        if code.is_none() && message.is_none() {
            return None;
        }
        Some(Self {
            code: one_line(&code.unwrap_or_default()),
            message: one_line(&message.unwrap_or_default()),
        })
    }
}

/// A registry's text, fit for a terminal: one line of printable characters, cut between words.
pub fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() <= MAX_MESSAGE_CHARS {
        return text;
    }
    let cut: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
    let words = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(words, _)| words);
    format!("{words} …")
}

fn unauthorized(anonymous: bool, error: Option<&OciError>) -> String {
    let text = if anonymous {
        "the registry requires credentials, and none are configured for it"
    } else {
        "the registry refuses the credentials"
    };
    error.map_or_else(|| text.to_owned(), |error| format!("{text} ({error})"))
}

impl RegistryError {
    /// The HTTP status, if the registry responded with one.
    pub fn status(&self) -> Option<u16> {
        match *self.problem {
            Problem::Status { status, .. } | Problem::Immutable { status, .. } => Some(status),
            Problem::Unauthorized { .. } => Some(401),
            _ => None,
        }
    }

    /// The code of the registry's own error, if it sent one.
    pub fn code(&self) -> Option<&str> {
        match &*self.problem {
            Problem::Status { error, .. }
            | Problem::Immutable { error, .. }
            | Problem::Unauthorized { error, .. } => {
                error.as_ref().map(|error| error.code.as_str())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted() {
        let check = |attempts, expected: &str| {
            let error = RegistryError {
                method: "GET",
                url: "https://r.example/v2/".to_owned(),
                problem: Box::new(Problem::Token),
                gave_up: Some(GaveUp {
                    attempts,
                    outage: Duration::from_millis(500),
                }),
            };
            let text = error.to_string();
            assert!(text.ends_with(expected), "{text}");
        };
        check(1, "; gave up after 1 attempt in 0.5s");
        check(2, "; gave up after 2 attempts in 0.5s");
    }
}
