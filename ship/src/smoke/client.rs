//! An HTTP client with explicit connections.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::endpoint::Endpoint;
use crate::error::SmokeError;

/// The timeout of a single request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest body that is read.
const LONGEST_BODY: u64 = 1 << 20;

/// The target of requests.
#[derive(Clone, Debug)]
pub(super) struct Client {
    base: String,
    connect_to: Option<String>,
    config: Config,
}

/// A connection that stays open from one request to the next.
pub(super) struct Connection {
    agent: Agent,
    base: String,
}

/// One response.
pub(super) struct Answer {
    url: String,
    status: u16,
    response: Response<Body>,
    pub(super) body: String,
}

/// Resolves every host name to the load balancer's address, as curl's `--connect-to` does: SNI, the
/// certificate check and the `Host` header keep the host name.
#[derive(Debug)]
struct ConnectTo(String);

impl Client {
    pub(super) fn new(endpoint: &Endpoint, ca: Option<&Path>) -> Result<Self, SmokeError> {
        let base = endpoint.url.trim_end_matches('/').to_owned();
        let valid = (base.starts_with("http://") || base.starts_with("https://"))
            && base.parse::<Uri>().is_ok();
        if !valid {
            return Err(SmokeError::Url(base));
        }
        let tls = TlsConfig::builder().root_certs(match ca {
            None => RootCerts::WebPki,
            Some(path) => RootCerts::Specific(Arc::new(certificates(path)?)),
        });
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls.build())
            .user_agent("ship-smoke")
            .build();
        Ok(Self {
            base,
            connect_to: endpoint.connect_to.clone(),
            config,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// A new connection, which its first request opens.
    pub(super) fn connect(&self) -> Connection {
        let config = self.config.clone();
        let connector = DefaultConnector::default();
        let agent = match &self.connect_to {
            None => Agent::with_parts(config, connector, DefaultResolver::default()),
            Some(host) => Agent::with_parts(config, connector, ConnectTo(host.clone())),
        };
        Connection {
            agent,
            base: self.base.clone(),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<ureq::tls::Certificate<'static>>, SmokeError> {
    let failed = |source| SmokeError::Ca {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(failed)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let source = std::io::Error::other("no certificate in PEM format");
        return Err(failed(source));
    }
    Ok(certificates)
}

impl Resolver for ConnectTo {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        // `HOST:PORT` as well as `HOST`.
        let addresses: Vec<SocketAddr> = match self.0.parse() {
            Ok(address) => vec![address],
            Err(_) => (self.0.as_str(), port).to_socket_addrs()?.collect(),
        };
        let mut resolved = self.empty();
        // `resolved` has room for 16.
        for address in addresses.into_iter().take(16) {
            resolved.push(address);
        }
        if resolved.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(resolved)
    }
}

impl Connection {
    pub(super) fn get(&self, path: &str, accept: &str) -> Result<Answer, SmokeError> {
        let url = format!("{}{path}", self.base);
        let failed = |source| SmokeError::NoAnswer {
            url: url.clone(),
            source,
        };
        let request = self.agent.get(&url).header("accept", accept);
        let mut response = request.call().map_err(failed)?;
        let body = response.body_mut().with_config().limit(LONGEST_BODY);
        let body = body.read_to_string().map_err(failed)?;
        Ok(Answer {
            status: response.status().as_u16(),
            url,
            response,
            body,
        })
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Fails with `problem` unless a condition holds.
    pub(super) fn require(
        &self,
        holds: bool,
        problem: impl FnOnce() -> String,
    ) -> Result<(), SmokeError> {
        if holds {
            return Ok(());
        }
        Err(SmokeError::Answer {
            url: self.url.clone(),
            problem: problem(),
        })
    }

    /// Fails unless the response has this status and media type.
    pub(super) fn expect(&self, status: u16, media_type: &str) -> Result<(), SmokeError> {
        self.require(self.status == status, || {
            format!("status {}, expected {status}", self.status)
        })?;
        let found = self.header("content-type");
        self.require(found.starts_with(media_type), || {
            format!("content-type `{found}`, expected {media_type}")
        })
    }
}
