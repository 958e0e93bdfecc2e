//! The socket side: one pool of connections, no redirects, no interpretation of a status.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, SendBody};
use url::Url;

use super::location::redact;
use super::{Problem, RegistryError};
use crate::copy::Open;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a peer may be silent: more than a registry takes to verify a large layer.
const SILENCE: Duration = Duration::from_mins(2);

/// The most of an error's body that is read.
const ERROR_BYTES: u64 = 64 * 1024;

/// A request as data; its body can be made again for another attempt.
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload<'a>,
    /// Whether another attempt with the same request is of any use.
    pub(super) again: bool,
}

/// What is sent.
pub(super) enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Stream { size: u64, open: Open<'a> },
}

impl<'a> Call<'a> {
    pub(super) fn new(method: &'static str, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Payload::Nothing,
            again: true,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Payload<'a>) -> Self {
        self.body = body;
        self
    }

    /// An error of this request.
    pub(super) fn error(&self, problem: Problem) -> RegistryError {
        RegistryError {
            method: self.method,
            url: redact(&self.url),
            problem: Box::new(problem),
        }
    }
}

/// A response whose body is yet to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) url: Url,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Answer {
    /// A header that is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers of a name that are text.
    pub(super) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// The body, up to `limit` bytes; one byte more tells that there was more.
    pub(super) fn read(self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.into_reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The start of the body, which matters less than the status it came with.
    pub(super) fn error_body(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.into_reader().take(ERROR_BYTES).read_to_end(&mut bytes);
        bytes
    }

    pub(super) fn into_reader(self) -> impl Read + Send + use<> {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
}

/// Why a request has no answer.
pub(super) enum Failure {
    /// The connection failed.
    Transport(ureq::Error),
    /// What was to be sent could not be read: the request is not to blame.
    Read(io::Error),
}

/// The pool of connections.
#[derive(Debug)]
pub(super) struct Transport {
    agent: Agent,
}

impl Transport {
    /// A pool that trusts Mozilla's certificate authorities and those of `extra` (PEM). It goes
    /// through the proxy of the environment, unless `direct`.
    pub(super) fn new(user_agent: &str, extra: &[u8], direct: bool) -> Result<Self, ureq::Error> {
        let mut roots: Vec<Certificate<'static>> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|der| Certificate::from_der(der.as_ref()))
            .collect();
        for item in parse_pem(extra) {
            if let PemItem::Certificate(certificate) = item? {
                roots.push(certificate);
            }
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let proxy = if direct { None } else { Proxy::try_from_env() };
        let config = Agent::config_builder()
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(user_agent)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .build();
        Ok(Self {
            agent: config.new_agent(),
        })
    }

    /// Sends a request once.
    pub(super) fn send(&self, call: &Call, authorization: Option<&str>) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.url.as_str());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let http = |error| Failure::Transport(ureq::Error::Http(error));
        let sent = match &call.body {
            Payload::Nothing if matches!(call.method, "POST" | "PUT" | "PATCH") => {
                self.agent.run(request.body(&[][..]).map_err(http)?)
            }
            Payload::Nothing => self.agent.run(request.body(()).map_err(http)?),
            Payload::Bytes(bytes) => self.agent.run(request.body(*bytes).map_err(http)?),
            Payload::Stream { size, open } => {
                let reader = open().map_err(Failure::Read)?;
                let mut watched = Watched {
                    reader,
                    error: None,
                };
                let request = request.header("content-length", size.to_string());
                let body = SendBody::from_reader(&mut watched);
                let sent = self.agent.run(request.body(body).map_err(http)?);
                if let Some(error) = watched.error {
                    return Err(Failure::Read(error));
                }
                sent
            }
        };
        let (parts, body) = sent.map(Response::into_parts).map_err(Failure::Transport)?;
        let (status, url) = (parts.status.as_u16(), call.url.clone());
        Ok(Answer {
            status,
            url,
            headers: parts.headers,
            body,
        })
    }
}

/// Remembers that it was the reading that failed, not the sending.
struct Watched<'a> {
    reader: Box<dyn Read + Send + 'a>,
    error: Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let told = io::Error::new(error.kind(), "cannot read what is to be sent");
            self.error = Some(error);
            told
        })
    }
}
