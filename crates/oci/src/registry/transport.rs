//! The connections: pools, timeouts and TLS. It does not follow redirects or interpret a status.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::{HeaderMap, Request, Response as HttpResponse, request};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::{Connector as _, DefaultConnector};
use ureq::{Agent, AsSendBody, Proxy, SendBody};
use url::Url;

use super::error::{Problem, RegistryError};
use super::forward::ForwardConnector;
use super::location::redact;
use super::proxy::{Proxies, ProxyError, ProxyUrl};
use super::resolve::OverridingResolver;
use super::settings::Settings;
use super::transport_error::TransportError;
use crate::copy::Open;

/// How long a connection may take to be established.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a registry may take to respond to a request without content.
const RESPONSE: Duration = Duration::from_secs(30);

/// How long a peer may be silent: longer than a registry takes to verify a large layer.
const SILENCE: Duration = Duration::from_mins(2);

/// How many idle connections are kept: one for each image and blob that a run may transfer at once.
const IDLE: usize = 16;

/// The most bytes of an error's body that are read.
const ERROR_BYTES: u64 = 64 * 1024;

/// A request as data; its body can be opened again for another attempt.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload<'a>,
    /// Whether the same request may be sent again.
    pub(super) again: bool,
    /// Whether the body contains a credential, and so may only be sent to its host.
    pub(super) sensitive: bool,
}

/// The body.
#[derive(Clone, Copy)]
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
            sensitive: false,
        }
    }

    /// The same request to another URL.
    pub(super) fn at(&self, url: Url) -> Self {
        Self {
            url,
            ..self.clone()
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
            gave_up: None,
        }
    }
}

/// A response whose body is yet to be read.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) url: Url,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Response {
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

    /// The body, up to `limit` bytes; one byte more if there is more.
    pub(super) fn read(self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.into_reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The start of the body, or of as much as can be read: the status matters more.
    pub(super) fn error_body(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.into_reader().take(ERROR_BYTES).read_to_end(&mut bytes);
        bytes
    }

    pub(super) fn into_reader(self) -> impl Read + Send + use<> {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
}

/// Why a request has no response.
pub(super) enum Failure {
    /// The connection failed.
    Transport(TransportError),
    /// The content to be sent could not be read, which is not an error of the registry.
    Read(io::Error),
    /// The environment's proxy cannot be used.
    Proxy(ProxyError),
}

/// The pools of connections.
#[derive(Debug)]
pub(super) struct Transport {
    /// To registries, directly or by CONNECT.
    agent: Agent,
    /// To proxies, for plain HTTP.
    forward: Agent,
    proxies: Proxies,
}

impl Transport {
    /// Pools that trust the certificate authorities of the settings.
    pub(super) fn new(settings: &Settings) -> Result<Self, ureq::Error> {
        let mut roots: Vec<Certificate<'static>> = if settings.roots.is_empty() {
            let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
            mozilla
                .iter()
                .map(|der| Certificate::from_der(der.as_ref()))
                .collect()
        } else {
            let roots = settings.roots.iter();
            roots
                .map(|der| Certificate::from_der(der).to_owned())
                .collect()
        };
        for item in parse_pem(&settings.extra_roots) {
            if let PemItem::Certificate(certificate) = item? {
                roots.push(certificate);
            }
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .disable_verification(settings.skip_tls_verify)
            .build();
        let config = Agent::config_builder()
            .proxy(None)
            .tls_config(tls)
            .user_agent(&settings.user_agent)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE)
            .timeout_per_write(Some(SILENCE))
            .build();
        let resolver = || OverridingResolver {
            overrides: settings.resolve.clone(),
            ..OverridingResolver::default()
        };
        let connector = DefaultConnector::new;
        Ok(Self {
            agent: Agent::with_parts(config.clone(), connector(), resolver()),
            forward: Agent::with_parts(config, connector().chain(ForwardConnector), resolver()),
            proxies: settings.proxies.clone(),
        })
    }

    /// Sends a request once. It fails after `timeout` without a response.
    pub(super) fn send(
        &self,
        call: &Call,
        authorization: Option<&str>,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let proxy = self.proxies.of(&call.url).map_err(Failure::Proxy)?;
        let fail = |error| {
            let proxy = proxy.as_ref().map(ToString::to_string);
            Failure::Transport(TransportError::new(error, proxy))
        };
        let mut request = self.request(call, proxy.as_ref());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let route = Route::new(self, call, proxy.as_ref(), timeout).map_err(fail)?;
        let http = |error| fail(ureq::Error::Http(error));
        let sent = match &call.body {
            Payload::Nothing if matches!(call.method, "POST" | "PUT" | "PATCH") => {
                route.run(request.body(&[][..]).map_err(http)?)
            }
            Payload::Nothing => route.run(request.body(()).map_err(http)?),
            Payload::Bytes(bytes) => route.run(request.body(*bytes).map_err(http)?),
            Payload::Stream { size, open } => {
                let reader = open().map_err(Failure::Read)?;
                let mut watched = Watched {
                    reader,
                    error: None,
                };
                let request = request.header("content-length", size.to_string());
                let body = SendBody::from_reader(&mut watched);
                let sent = route.run(request.body(body).map_err(http)?);
                if let Some(error) = watched.error {
                    return Err(Failure::Read(error));
                }
                sent
            }
        };
        let (parts, body) = sent.map(HttpResponse::into_parts).map_err(fail)?;
        Ok(Response {
            status: parts.status.as_u16(),
            url: call.url.clone(),
            headers: parts.headers,
            body,
        })
    }

    /// The request without its body. A plain HTTP request through a proxy has the proxy's address;
    /// [`ForwardConnector`] completes it.
    #[allow(clippy::unused_self, reason = "a step of `send`")]
    fn request(&self, call: &Call, proxy: Option<&ProxyUrl>) -> request::Builder {
        let forwarded = proxy.filter(|_| call.url.scheme() == "http");
        let mut request = Request::builder().method(call.method);
        match forwarded {
            None => request = request.uri(call.url.as_str()),
            Some(proxy) => {
                let mut url = call.url.clone();
                let through = proxy.reveal();
                // Both are URLs with a host, so neither step can fail.
                let _ = url.set_scheme(through.scheme());
                let _ = url.set_host(through.host_str());
                let _ = url.set_port(through.port());
                let host = call.url.host_str().unwrap_or_default();
                let host = match call.url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                };
                request = request.uri(url.as_str()).header("host", host);
                if let Some(credentials) = proxy_credentials(through) {
                    request = request.header("proxy-authorization", credentials);
                }
            }
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        request
    }
}

/// The agent for a request, and the request's changes to its configuration.
struct Route<'a> {
    agent: &'a Agent,
    proxy: Option<Proxy>,
    response: Duration,
    silence: Duration,
}

impl<'a> Route<'a> {
    fn new(
        transport: &'a Transport,
        call: &Call,
        proxy: Option<&ProxyUrl>,
        timeout: Duration,
    ) -> Result<Self, ureq::Error> {
        let forwarded = proxy.is_some() && call.url.scheme() == "http";
        let response = match call.method {
            "PUT" | "PATCH" => SILENCE,
            _ => RESPONSE,
        };
        let tunnel = proxy.filter(|_| !forwarded);
        Ok(Self {
            agent: if forwarded {
                &transport.forward
            } else {
                &transport.agent
            },
            proxy: tunnel
                .map(|proxy| Proxy::new(proxy.reveal().as_str()))
                .transpose()?,
            response: response.min(timeout),
            silence: SILENCE.min(timeout),
        })
    }

    fn run<S: AsSendBody>(
        &self,
        request: Request<S>,
    ) -> Result<HttpResponse<ureq::Body>, ureq::Error> {
        let request = self
            .agent
            .configure_request(request)
            .proxy(self.proxy.clone())
            .timeout_recv_response(Some(self.response))
            .timeout_per_read(Some(self.silence))
            .build();
        self.agent.run(request)
    }
}

/// `Proxy-Authorization`, if the proxy's URL has a user.
fn proxy_credentials(proxy: &Url) -> Option<String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (proxy.username(), proxy.password().unwrap_or_default());
    (!user.is_empty() || !password.is_empty()).then(|| {
        let pair = format!("{}:{}", decode(user), decode(password));
        format!("Basic {}", STANDARD.encode(pair))
    })
}

/// Records that reading failed, and not sending.
struct Watched<'a> {
    reader: Box<dyn Read + Send + 'a>,
    error: Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let shown = io::Error::new(error.kind(), "cannot read the content to be sent");
            self.error = Some(error);
            shown
        })
    }
}
